/*
** handshake_peer: the record of the peer that a handshake makes: when it
** begins, when it ends.
*/
#include "handshake_peer.h"

#include "engine_state.h"
#include "failure.h"
#include "psk.h"

bool tls_handshake_begin (struct tls_engine *e) {
  struct tls_peer *next = tls_peer_new(++e->generation);
  if (next == NULL) {
    tls_engine_fail_memory(e);
    return false;
  }
  tls_peer_free(e->next_peer);
  e->next_peer = next;
  e->renegotiate_due = false;
  if (e->secure)
    tls_records_one_at_a_time(&e->records, true);
  return true;
}

/* A resumed session stands for the handshake it was made in: its certificate,
** and what was found about the chain, but no exception that was made then. */
static void set_authentication (struct tls_engine *e, struct tls_peer *peer) {
  tls_peer_set_leaf(peer, SSL_get0_peer_certificate(e->ssl));
  if (peer->chain_result == X509_V_ERR_UNSPECIFIED &&
      SSL_session_reused(e->ssl))
    peer->chain_result = SSL_get_verify_result(e->ssl);
  if (peer->leaf != NULL)
    peer->authentication = TLS_AUTHENTICATION_CERTIFICATE;
  else if (tls_psk_authenticated(e, peer))
    peer->authentication = TLS_AUTHENTICATION_PSK;
}

void tls_handshake_end (struct tls_engine *e) {
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
