/*
** handshake_control: another handshake, or new keys, on a connection that is
** secure, see engine.h.
*/
#include <openssl/err.h>

#include "engine_state.h"
#include "handshake_peer.h"
#include "handshake_watch.h"

static int mode (bool request_cert, bool reject) {
  if (!request_cert)
    return SSL_VERIFY_NONE;
  return SSL_VERIFY_PEER | (reject ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
}

/* False when OpenSSL refuses. Its queue tells. */
static bool begin (struct tls_engine *e) {
  if (!tls_engine_enter(e))
    return false;
  bool ok = SSL_do_handshake(e->ssl) >= 0 || ERR_peek_error() == 0;
  tls_engine_leave(e);
  if (ok)
    tls_handshake_end(e);
  return ok;
}

/* SSL_verify_client_post_handshake(3) */
static bool request_certificate (struct tls_engine *e) {
  bool was = e->post_auth;
  e->post_auth = true;
  tls_handshake_watch(e);
  if (SSL_verify_client_post_handshake(e->ssl) == 1)
    return begin(e);
  e->post_auth = was;
  return false;
}

static bool request_handshake (struct tls_engine *e, bool request_cert) {
  ERR_clear_error();
  if (e->server && request_cert && SSL_version(e->ssl) >= TLS1_3_VERSION)
    return request_certificate(e);
  if (SSL_renegotiate(e->ssl) != 1)
    return false;
  if (e->server)
    return begin(e);
  e->renegotiate_due = true; /* SSL_read() may find data before the answer */
  return true;
}

/* ... and not the old session be taken up, without a certificate. */
static void set_terms (struct tls_engine *e, bool request_cert, bool reject) {
  SSL_set_verify(e->ssl, mode(request_cert, reject), NULL);
  SSL_set_options(e->ssl, SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
}

bool tls_engine_renegotiate (struct tls_engine *e, bool request_cert,
                             bool reject) {
  int old_mode = SSL_get_verify_mode(e->ssl);
  bool old_reject = e->reject_unauthorized;
  if (!tls_engine_may_renegotiate(e))
    return false;
  e->reject_unauthorized = reject && (!e->server || request_cert);
  if (e->server)
    set_terms(e, request_cert, reject);
  if (request_handshake(e, request_cert))
    return true;
  e->reject_unauthorized = old_reject;
  SSL_set_verify(e->ssl, old_mode, NULL);
  return false;
}

/* A peer that has ended its direction has no keys to change. */
bool tls_engine_update_keys (struct tls_engine *e) {
  int kind = e->ended ? SSL_KEY_UPDATE_NOT_REQUESTED : SSL_KEY_UPDATE_REQUESTED;
  ERR_clear_error();
  return tls_engine_may_update_keys(e) && SSL_key_update(e->ssl, kind) == 1 &&
         begin(e);
}
