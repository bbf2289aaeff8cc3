/*
** handshake_control: asks for another handshake, or for new keys, on a
** connection that is secure. See engine.h.
*/
#include <openssl/err.h>

#include "engine_state.h"
#include "handshake_peer.h"
#include "handshake_watch.h"

/* Send what was asked for. False when OpenSSL refuses; its queue says why. */
static bool send_request (struct tls_engine *e) {
  if (!tls_engine_enter(e))
    return false;
  bool ok = SSL_do_handshake(e->ssl) >= 0 || ERR_peek_error() == 0;
  tls_engine_leave(e);
  if (ok)
    tls_handshake_peer_end(e);
  return ok;
}

/* SSL_verify_client_post_handshake(3) */
static bool request_certificate (struct tls_engine *e) {
  enum requested_handshake before = e->requested;
  e->requested = REQUESTED_CERTIFICATE;
  tls_handshake_watch(e);
  if (SSL_verify_client_post_handshake(e->ssl) == 1)
    return send_request(e);
  e->requested = before;
  return false;
}

/* A client's ClientHello is left to the next read: SSL_read() also returns
** the data that the server sends before it answers. */
static bool request_handshake (struct tls_engine *e, bool request_cert) {
  tls_clear_errors();
  if (e->server && request_cert && SSL_version(e->ssl) >= TLS1_3_VERSION)
    return request_certificate(e);
  if (SSL_renegotiate(e->ssl) != 1)
    return false;
  if (e->server)
    return send_request(e);
  e->requested = REQUESTED_RENEGOTIATION;
  return true;
}

/* A resumption of the old session would show no certificate. */
static void set_verify_mode (SSL *ssl, bool request_cert, bool reject) {
  int mode = SSL_VERIFY_NONE;
  if (request_cert)
    mode = SSL_VERIFY_PEER | (reject ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
  SSL_set_verify(ssl, mode, NULL);
  SSL_set_options(ssl, SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
}

bool tls_engine_renegotiate (struct tls_engine *e, bool request_cert,
                             bool reject) {
  int old_mode = SSL_get_verify_mode(e->ssl);
  bool old_reject = e->reject_unauthorized;
  if (!tls_engine_may_renegotiate(e))
    return false;
  e->reject_unauthorized = reject && (!e->server || request_cert);
  if (e->server)
    set_verify_mode(e->ssl, request_cert, reject);
  if (request_handshake(e, request_cert))
    return true;
  e->reject_unauthorized = old_reject;
  SSL_set_verify(e->ssl, old_mode, NULL);
  return false;
}

/* A peer that has ended its direction has no keys to change. */
bool tls_engine_update_keys (struct tls_engine *e) {
  int kind = e->input == INPUT_OPEN ? SSL_KEY_UPDATE_REQUESTED
                                    : SSL_KEY_UPDATE_NOT_REQUESTED;
  tls_clear_errors();
  return tls_engine_may_update_keys(e) && SSL_key_update(e->ssl, kind) == 1 &&
         send_request(e);
}

bool tls_engine_may_update_keys (const struct tls_engine *e) {
  return tls_may_send(e);
}

bool tls_engine_may_renegotiate (const struct tls_engine *e) {
  return tls_may_send(e) && e->input == INPUT_OPEN;
}

/* A suspended one waits for the owner, not for the peer. */
bool tls_engine_renegotiating (const struct tls_engine *e) {
  bool under_way =
      e->next_peer != NULL || e->requested == REQUESTED_RENEGOTIATION;
  return e->secure && under_way && !tls_suspended(e);
}

bool tls_engine_handshake_cut_off (const struct tls_engine *e) {
  return e->input != INPUT_OPEN && e->next_peer != NULL;
}
