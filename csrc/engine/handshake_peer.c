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
  tls_peer_free(e->next);
  e->next = next;
  e->renegotiate_due = false;
  if (e->secure)
    tls_port_by_record(&e->port, true);
  return true;
}

/* A resumed session stands for the handshake it was made in: its certificate,
** and what was found about the chain, but no exception that was made then. */
static void set_proof (struct tls_engine *e, struct tls_peer *peer) {
  tls_peer_set_leaf(peer, SSL_get0_peer_certificate(e->ssl));
  if (peer->chain_result == X509_V_ERR_UNSPECIFIED &&
      SSL_session_reused(e->ssl))
    peer->chain_result = SSL_get_verify_result(e->ssl);
  if (peer->leaf != NULL)
    peer->proof = TLS_PROOF_CERTIFICATE;
  else if (tls_psk_won(e, peer))
    peer->proof = TLS_PROOF_PSK;
}

void tls_handshake_end (struct tls_engine *e) {
  struct tls_peer *peer = e->next;
  if (peer == NULL || !peer->finished || tls_failed(e))
    return;
  set_proof(e, peer);
  tls_peer_free(e->peer);
  e->peer = peer;
  e->next = NULL;
  tls_port_by_record(&e->port, false);
  if (!e->secure)
    tls_port_count_records(&e->port);
  e->events |= e->secure ? TLS_EV_RENEGOTIATED : TLS_EV_SECURE;
  e->secure = true;
}
