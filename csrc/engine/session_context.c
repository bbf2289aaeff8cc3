/*
** session_context: the session id context, see session_context.h.
*/
#include "session_context.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "engine_state.h"

static int slot = -1; /* of SSL_CTX's ex_data: TLS_SESSION_CONTEXT_SIZE bytes */
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

/* CRYPTO_EX_free */
static void on_free (void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx,
                     long argl, void *argp) {
  (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
  OPENSSL_free(ptr);
}

static void make_slot (void) {
  slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_free);
}

bool tls_session_context_mix (unsigned char *terms, const void *data,
                              size_t n) {
  unsigned size;
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
            EVP_DigestUpdate(md, terms, TLS_SESSION_CONTEXT_SIZE) &&
            EVP_DigestUpdate(md, data, n) &&
            EVP_DigestFinal_ex(md, terms, &size);
  EVP_MD_CTX_free(md);
  return ok;
}

bool tls_session_context_add (SSL_CTX *ctx, const void *data, size_t n) {
  if (!CRYPTO_THREAD_run_once(&once, make_slot) || slot < 0)
    return false;
  unsigned char *terms = SSL_CTX_get_ex_data(ctx, slot);
  if (terms == NULL) {
    terms = OPENSSL_zalloc(TLS_SESSION_CONTEXT_SIZE);
    if (terms == NULL || !SSL_CTX_set_ex_data(ctx, slot, terms)) {
      OPENSSL_free(terms);
      return false;
    }
  }
  return tls_session_context_mix(terms, data, n);
}

static bool mix_trust (unsigned char *terms, const SSL_CTX *ctx) {
  const void *theirs = slot < 0 ? NULL : SSL_CTX_get_ex_data(ctx, slot);
  return theirs == NULL ||
         tls_session_context_mix(terms, theirs, TLS_SESSION_CONTEXT_SIZE);
}

static bool apply (struct tls_engine *e) {
  return SSL_set_session_id_context(e->ssl, e->session_context,
                                    TLS_SESSION_CONTEXT_SIZE);
}

bool tls_session_context_set (struct tls_engine *e,
                              const struct tls_engine_options *o) {
  unsigned char asked[2] = {o->reject_unauthorized, o->custom_verify};
  if (!o->request_cert)
    return true;
  e->session_context = calloc(1, TLS_SESSION_CONTEXT_SIZE);
  return e->session_context != NULL &&
         tls_session_context_mix(e->session_context, asked, sizeof asked) &&
         mix_trust(e->session_context, o->ctx) && apply(e);
}

static bool mix_name (unsigned char *terms,
                      const struct tls_client_hello *hello) {
  size_t i;
  for (i = 0; hello != NULL && i < hello->count; i++)
    if (hello->types[i] == TLSEXT_TYPE_server_name)
      return tls_session_context_mix(terms, hello->bodies[i].data,
                                     hello->bodies[i].size);
  return true;
}

static bool mix_certificate (unsigned char *terms, const SSL_CTX *ctx) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned n;
  const X509 *cert = SSL_CTX_get0_certificate(ctx);
  return cert == NULL || (X509_digest(cert, EVP_sha256(), digest, &n) &&
                          tls_session_context_mix(terms, digest, n));
}

/* A client that was verified under one name's CAs is not to come back under
** another's with that session, nor under the same name when its CAs are
** others. */
bool tls_session_context_bind (struct tls_engine *e, const SSL_CTX *ctx) {
  unsigned char *terms = e->session_context;
  return terms == NULL ||
         (mix_trust(terms, ctx) && mix_name(terms, e->client_hello) &&
          mix_certificate(terms, ctx) && apply(e));
}

/* OpenSSL compares the terms too, but then it does not read_fields at the other
*keys
** that a client of TLS 1.3 may have offered. */
bool tls_session_context_matches (const struct tls_engine *e,
                                  const SSL_SESSION *session) {
  unsigned n;
  const unsigned char *id = SSL_SESSION_get0_id_context(session, &n);
  return e->session_context == NULL || (n == TLS_SESSION_CONTEXT_SIZE &&
                                        memcmp(id, e->session_context, n) == 0);
}
