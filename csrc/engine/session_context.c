/*
** session_context: the session id context, see session_context.h.
*/
#include "session_context.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "client_hello_fields.h"
#include "engine_state.h"
#include "ex_data.h"

bool tls_session_context_mix (unsigned char *hash, const void *data, size_t n) {
  unsigned size;
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
            EVP_DigestUpdate(md, hash, TLS_SESSION_CONTEXT_SIZE) &&
            EVP_DigestUpdate(md, data, n) &&
            EVP_DigestFinal_ex(md, hash, &size);
  EVP_MD_CTX_free(md);
  return ok;
}

bool tls_session_context_add (SSL_CTX *ctx, const void *data, size_t n) {
  struct tls_context_data *context = tls_ex_data_make_context(ctx);
  if (context == NULL)
    return false;
  context->has_trust = true;
  return tls_session_context_mix(context->trust, data, n);
}

static bool mix_trust (unsigned char *hash, const SSL_CTX *ctx) {
  const struct tls_context_data *context = tls_ex_data_context(ctx);
  return context == NULL || !context->has_trust ||
         tls_session_context_mix(hash, context->trust, sizeof context->trust);
}

static bool apply (struct tls_engine *e) {
  return SSL_set_session_id_context(e->ssl, e->session_context,
                                    TLS_SESSION_CONTEXT_SIZE);
}

bool tls_session_context_set (struct tls_engine *e,
                              const struct tls_engine_options *o) {
  unsigned char asked[2] = {o->reject_unauthorized, o->ask_verify};
  if (!o->request_cert)
    return true;
  e->session_context = calloc(1, TLS_SESSION_CONTEXT_SIZE);
  return e->session_context != NULL &&
         tls_session_context_mix(e->session_context, asked, sizeof asked) &&
         mix_trust(e->session_context, o->ctx) && apply(e);
}

static bool mix_name (unsigned char *hash,
                      const struct tls_client_hello *hello) {
  const struct tls_piece *requested =
      hello == NULL
          ? NULL
          : tls_client_hello_extension(hello, TLSEXT_TYPE_server_name);
  return requested == NULL ||
         tls_session_context_mix(hash, requested->data, requested->size);
}

static bool mix_certificate (unsigned char *hash, const SSL_CTX *ctx) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned n;
  const X509 *cert = SSL_CTX_get0_certificate(ctx);
  return cert == NULL || (X509_digest(cert, EVP_sha256(), digest, &n) &&
                          tls_session_context_mix(hash, digest, n));
}

/* A client that was verified under one name's CAs is not to come back under
** another's with that session, nor under the same name when its CAs are
** others. */
bool tls_session_context_bind (struct tls_engine *e, const SSL_CTX *ctx) {
  unsigned char *hash = e->session_context;
  return hash == NULL ||
         (mix_trust(hash, ctx) && mix_name(hash, e->client_hello) &&
          mix_certificate(hash, ctx) && apply(e));
}

/* OpenSSL compares it too, but ends the search there: it does not look at the
** other keys that a client of TLS 1.3 may have offered. */
bool tls_session_context_matches (const struct tls_engine *e,
                                  const SSL_SESSION *session) {
  unsigned n;
  const unsigned char *context = SSL_SESSION_get0_id_context(session, &n);
  return e->session_context == NULL ||
         (n == TLS_SESSION_CONTEXT_SIZE &&
          memcmp(context, e->session_context, n) == 0);
}
