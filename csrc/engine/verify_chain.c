/*
** verify_chain: the peer's chain of certificates is verified, and a client's
** handshake waits for what its owner makes of the result.
*/
#include "verify_chain.h"

#include <openssl/x509_vfy.h>

#include "engine_state.h"

static struct tls_engine *engine_of (X509_STORE_CTX *ctx) {
  int idx = SSL_get_ex_data_X509_STORE_CTX_idx();
  SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, idx);
  return ssl == NULL ? NULL : tls_engine_of(ssl);
}

/* Go on after an error, so that all of the chain is looked at and the last
** error is known, as Node reports it (a lone leaf from an unknown issuer is
** UNABLE_TO_VERIFY_LEAF_SIGNATURE, not its forerunner). Sticky: one error is
** enough to refuse, whatever X509_verify_cert() says in the end. */
static int on_verify_step (int ok, X509_STORE_CTX *ctx) {
  struct tls_engine *e = engine_of(ctx);
  if (e == NULL || e->next_peer == NULL)
    return 0;
  if (!ok)
    tls_peer_add_error(e->next_peer, X509_STORE_CTX_get_error(ctx),
                       X509_STORE_CTX_get_error_depth(ctx),
                       X509_STORE_CTX_get_current_cert(ctx));
  return 1;
}

static void verify_chain (struct tls_peer *peer, X509_STORE_CTX *ctx) {
  tls_peer_set_leaf(peer, X509_STORE_CTX_get0_cert(ctx));
  peer->chain_result = X509_V_OK;
  X509_STORE_CTX_set_verify_cb(ctx, on_verify_step);
  int r = X509_verify_cert(ctx);
  if (r != 1 && peer->chain_result == X509_V_OK)
    peer->chain_result = X509_V_ERR_UNSPECIFIED;
}

/* 1 goes on with the handshake, 0 ends it. The alert is made from the error
** that is set here, and the session remembers it: that is what was found about
** the chain, not what the user makes of it in this handshake. */
static int verify_result (const struct tls_engine *e, X509_STORE_CTX *ctx) {
  const struct tls_peer *peer = e->next_peer;
  long fault = tls_peer_fault(peer);
  bool refuse = e->reject_unauthorized && fault != X509_V_OK;
  if (e->server && e->custom_verify)
    refuse = false; /* the user has the last word, at the gate */
  X509_STORE_CTX_set_error(ctx, (int)(refuse ? fault : peer->chain_result));
  return !refuse;
}

/* A client looks at the name too, and asks the user: the handshake waits. */
static bool waits_for_owner (const struct tls_engine *e) {
  return !e->server &&
         (e->custom_verify || e->next_peer->chain_result == X509_V_OK);
}

/* SSL_CTX_set_cert_verify_callback(3): 1 accepts, and suspends when
** SSL_set_retry_verify() was called. OpenSSL calls again after the answer. */
int tls_on_verify (X509_STORE_CTX *ctx, void *arg) {
  struct tls_engine *e = engine_of(ctx);
  (void)arg;
  if (e == NULL || e->next_peer == NULL)
    return 0;
  switch (e->next_peer->question) {
    case TLS_QUESTION_NONE:
      verify_chain(e->next_peer, ctx);
      if (!waits_for_owner(e))
        return verify_result(e, ctx);
      e->next_peer->question = TLS_QUESTION_OPEN;
      e->events |= TLS_EV_VERIFY;
      return SSL_set_retry_verify(e->ssl);
    case TLS_QUESTION_OPEN: return SSL_set_retry_verify(e->ssl);
    case TLS_QUESTION_ACCEPTED:
    case TLS_QUESTION_REFUSED: return verify_result(e, ctx);
  }
  return 0;
}
