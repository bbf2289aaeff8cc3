/*
** handshake_peer: the peer of each handshake, see handshake_peer.h.
*/
#include "handshake_peer.h"

#include "engine_state.h"
#include "failure.h"
#include "ossl_compat.h"
#include "psk.h"
#include "raw_keys.h"

bool tls_handshake_peer_begin (struct tls_engine *e) {
  struct tls_peer *peer = tls_peer_new(++e->generation);
  if (peer == NULL) {
    tls_engine_fail_memory(e);
    return false;
  }
  tls_peer_free(e->next_peer);
  e->next_peer = peer;
  if (e->requested == REQUESTED_RENEGOTIATION)
    e->requested = REQUESTED_NONE;
  if (e->secure)
    tls_records_one_at_a_time(&e->records, true);
  return true;
}

/* A resumed session stands for the handshake that it was made in: for the
** certificate, and for the result of its chain. An override of that handshake
** does not count again. Its raw key is judged anew: it is the same as ever, and
** may have lost its trust. */
static void set_authentication (struct tls_engine *e, struct tls_peer *peer) {
  tls_peer_set_leaf(peer, SSL_get0_peer_certificate(e->ssl));
  tls_peer_set_raw_key(peer, tls_ossl_peer_raw_key(e->ssl));
  if (peer->chain_result == X509_V_ERR_UNSPECIFIED &&
      SSL_session_reused(e->ssl))
    peer->chain_result = (int)SSL_get_verify_result(e->ssl);
  tls_raw_keys_judge(peer, e->ssl);
  if (peer->raw_key != NULL)
    peer->authentication = TLS_AUTHENTICATION_RAW_KEY;
  else if (peer->leaf != NULL)
    peer->authentication = TLS_AUTHENTICATION_CERTIFICATE;
  else if (tls_psk_authenticated(e, peer))
    peer->authentication = TLS_AUTHENTICATION_PSK;
}

void tls_handshake_peer_end (struct tls_engine *e) {
  struct tls_peer *peer = e->next_peer;
  if (peer == NULL || !peer->finished || tls_failed(e))
    return;
  set_authentication(e, peer);
  tls_peer_free(e->peer);
  e->peer = peer;
  e->next_peer = NULL;
  tls_records_one_at_a_time(&e->records, false);
  if (!e->secure)
    tls_records_count(&e->records);
  e->events |= e->secure ? TLS_EV_RENEGOTIATED : TLS_EV_SECURE;
  e->secure = true;
}
