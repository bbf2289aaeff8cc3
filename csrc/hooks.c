/*
** hooks: every function that OpenSSL calls.
*/
#include "hooks.h"

#include <openssl/x509_vfy.h>

#include "engine_state.h"

static struct tls_engine *engine_of (X509_STORE_CTX *ctx) {
  int idx = SSL_get_ex_data_X509_STORE_CTX_idx();
  SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, idx);
  return ssl == NULL ? NULL : SSL_get_app_data(ssl);
}

static void note_refused (struct tls_engine *e, X509_STORE_CTX *ctx) {
  X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
  e->verify_depth = X509_STORE_CTX_get_error_depth(ctx);
  if (cert == NULL || !X509_up_ref(cert))
    return;
  X509_free(e->refused);
  e->refused = cert;
}

/* Go on after an error, so that all of the chain is looked at and the last
** error is known, as Node reports it (a lone leaf from an unknown issuer is
** UNABLE_TO_VERIFY_LEAF_SIGNATURE, not its forerunner). Sticky: one error is
** enough to refuse, whatever X509_verify_cert() says in the end. */
static int on_verify_step (int ok, X509_STORE_CTX *ctx) {
  struct tls_engine *e = engine_of(ctx);
  if (e == NULL)
    return 0;
  if (ok)
    return 1;
  if (e->verify_depth < 0)
    note_refused(e, ctx);
  e->verify_result = X509_STORE_CTX_get_error(ctx);
  return 1;
}

static void verify_chain (struct tls_engine *e, X509_STORE_CTX *ctx) {
  X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
  if (leaf != NULL && X509_up_ref(leaf)) {
    X509_free(e->leaf);
    e->leaf = leaf;
  }
  e->verify_result = X509_V_OK;
  e->verify_depth = -1;
  X509_STORE_CTX_set_verify_cb(ctx, on_verify_step);
  int r = X509_verify_cert(ctx);
  if (r != 1 && e->verify_result == X509_V_OK)
    e->verify_result = X509_V_ERR_UNSPECIFIED;
  /* The alert is made from it, and the session keeps it. */
  X509_STORE_CTX_set_error(ctx, (int)e->verify_result);
}

static int chain_verdict (struct tls_engine *e) {
  return e->verify_result == X509_V_OK || !e->reject;
}

/* A client looks at the name as well: that is done in Lua, so suspend. */
static int ask_identity (struct tls_engine *e) {
  e->identity = IDENTITY_ASKED;
  e->events |= TLS_EV_IDENTITY;
  return SSL_set_retry_verify(e->ssl);
}

static int identity_refused (struct tls_engine *e, X509_STORE_CTX *ctx) {
  e->verify_result = X509_V_ERR_HOSTNAME_MISMATCH;
  e->verify_depth = 0;
  X509_STORE_CTX_set_error(ctx, X509_V_ERR_HOSTNAME_MISMATCH);
  return !e->reject;
}

/* SSL_CTX_set_cert_verify_callback(3): 1 accepts, and suspends when
** SSL_set_retry_verify() was called. OpenSSL calls again after the answer. */
static int on_verify (X509_STORE_CTX *ctx, void *arg) {
  struct tls_engine *e = engine_of(ctx);
  (void)arg;
  if (e == NULL)
    return 0;
  switch (e->identity) {
    case IDENTITY_UNSEEN:
      verify_chain(e, ctx);
      if (e->server || e->verify_result != X509_V_OK)
        return chain_verdict(e);
      return ask_identity(e);
    case IDENTITY_ASKED: return SSL_set_retry_verify(e->ssl);
    case IDENTITY_ACCEPTED: X509_STORE_CTX_set_error(ctx, X509_V_OK); return 1;
    case IDENTITY_REFUSED: return identity_refused(e, ctx);
  }
  return 0;
}

/* RFC 7301, 3.2: the server's order wins, and without overlap the handshake
** ends with no_application_protocol. A server that was given no protocols
** ignores the extension. SSL_select_next_proto(3) reads both lists; neither is
** empty (CVE-2024-5535). */
static int on_alpn (SSL *ssl, const unsigned char **out, unsigned char *outlen,
                    const unsigned char *in, unsigned inlen, void *arg) {
  struct tls_engine *e = SSL_get_app_data(ssl);
  unsigned char *chosen;
  (void)arg;
  if (e == NULL || e->alpn == NULL)
    return SSL_TLSEXT_ERR_NOACK;
  if (inlen == 0 ||
      SSL_select_next_proto(&chosen, outlen, e->alpn, (unsigned)e->alpn_size,
                            in, inlen) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen; /* copied by OpenSSL before the engine forgets its list */
  return SSL_TLSEXT_ERR_OK;
}

void tls_hooks_install (SSL_CTX *ctx) {
  SSL_CTX_set_cert_verify_callback(ctx, on_verify, NULL);
  SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
}
