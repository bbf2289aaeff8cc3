/*
** verify_chain: the peer's chain of certificates, see verify_chain.h.
*/
#include "verify_chain.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "authorization.h"
#include "engine_state.h"
#include "ocsp_check.h"
#include "ossl_compat.h"
#include "raw_keys.h"

static struct tls_engine *engine_of (X509_STORE_CTX *ctx) {
  int index = SSL_get_ex_data_X509_STORE_CTX_idx();
  SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, index);
  return ssl == NULL ? NULL : tls_engine_of(ssl);
}

/* X509_STORE_CTX_set_verify_cb(3): 1 goes on after an error, so that all of
** the chain is verified and the last error is known, which is the one that
** Node reports (UNABLE_TO_VERIFY_LEAF_SIGNATURE for a lone leaf of an unknown
** issuer, not the error before it). One error is enough to refuse, whatever
** X509_verify_cert() returns in the end. */
static int on_chain_step (int ok, X509_STORE_CTX *ctx) {
  struct tls_engine *e = engine_of(ctx);
  if (e == NULL || e->next_peer == NULL)
    return 0;
  if (!ok)
    tls_peer_add_error(e->next_peer, X509_STORE_CTX_get_error(ctx),
                       X509_STORE_CTX_get_error_depth(ctx),
                       X509_STORE_CTX_get_current_cert(ctx),
                       X509_STORE_CTX_get0_current_crl(ctx));
  return 1;
}

/* Where ECH was not accepted, OpenSSL would compare the name that was shown, by
** rules of its own: names are compared by the owner. */
static void leave_name_to_owner (const struct tls_engine *e,
                                 X509_STORE_CTX *ctx) {
  if (e->ech_required)
    X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(ctx), NULL, 0);
}

/* What OpenSSL notes about a fault is no fault of the connection's, which may
** go on in spite of it. */
static void verify_certificate (struct tls_peer *peer, X509_STORE_CTX *ctx) {
  tls_peer_set_leaf(peer, X509_STORE_CTX_get0_cert(ctx));
  peer->chain_result = X509_V_OK;
  peer->chain_sent = sk_X509_num(X509_STORE_CTX_get0_untrusted(ctx));
  X509_STORE_CTX_set_verify_cb(ctx, on_chain_step);
  ERR_set_mark();
  int r = X509_verify_cert(ctx);
  ERR_pop_to_mark();
  if (r != 1 && peer->chain_result == X509_V_OK)
    peer->chain_result = X509_V_ERR_UNSPECIFIED;
}

static void verify (const struct tls_engine *e, X509_STORE_CTX *ctx) {
  EVP_PKEY *key = tls_ossl_raw_key_to_verify(ctx);
  if (key == NULL)
    verify_certificate(e->next_peer, ctx);
  tls_peer_set_raw_key(e->next_peer, key);
  tls_raw_keys_judge(e->next_peer, e->ssl);
}

/* 1 goes on with the handshake, 0 ends it. The error that is set here chooses
** the alert, and OpenSSL keeps it in the session. An accepted peer's session
** gets the result of the chain, which an override does not change. */
static int accept_or_refuse (const struct tls_engine *e, X509_STORE_CTX *ctx) {
  const struct tls_peer *peer = e->next_peer;
  int fault = tls_peer_fault(peer);
  bool refuse = e->reject_unauthorized && fault != X509_V_OK;
  if (e->server && e->ask_verify)
    refuse = false; /* the owner decides, at the gate */
  X509_STORE_CTX_set_error(ctx, refuse ? fault : peer->chain_result);
  return !refuse;
}

/* A client's owner compares the certificate with the host name as well. A
** chain that has failed is a question only where the owner may override
** that. */
static bool asks_owner (const struct tls_engine *e) {
  return !e->server &&
         (e->ask_verify || e->next_peer->chain_result == X509_V_OK);
}

/* 1 accepts, 0 refuses. After SSL_set_retry_verify() the handshake is
** suspended instead, and OpenSSL calls again when it goes on. */
int tls_on_verify (X509_STORE_CTX *ctx, void *arg) {
  struct tls_engine *e = engine_of(ctx);
  (void)arg;
  if (e == NULL || e->next_peer == NULL)
    return 0;
  switch (e->next_peer->question) {
    case TLS_QUESTION_NONE:
      leave_name_to_owner(e, ctx);
      verify(e, ctx);
      if (e->ocsp != TLS_OCSP_IGNORE)
        tls_ocsp_keep_issuer(e, ctx);
      if (!asks_owner(e))
        return accept_or_refuse(e, ctx);
      e->next_peer->question = TLS_QUESTION_OPEN;
      e->events |= TLS_EV_VERIFY;
      return SSL_set_retry_verify(e->ssl);
    case TLS_QUESTION_OPEN: return SSL_set_retry_verify(e->ssl);
    case TLS_QUESTION_ACCEPTED:
    case TLS_QUESTION_REFUSED: return accept_or_refuse(e, ctx);
  }
  return 0;
}
