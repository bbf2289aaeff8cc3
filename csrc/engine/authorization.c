/*
** authorization: whether the peer counts as authorized, see authorization.h.
*/
#include "authorization.h"

#include <openssl/x509_vfy.h>

int tls_peer_fault (const struct tls_peer *peer) {
  if (peer->question == TLS_QUESTION_REFUSED && peer->chain_result == X509_V_OK)
    return X509_V_ERR_HOSTNAME_MISMATCH;
  return peer->override ? X509_V_OK : peer->chain_result;
}

void tls_peer_set_verdict (struct tls_peer *peer, bool accepted,
                           bool override) {
  if (peer->verdict != TLS_VERDICT_PENDING)
    return;
  peer->verdict = accepted ? TLS_VERDICT_ACCEPTED : TLS_VERDICT_REFUSED;
  if (override)
    peer->override = true;
}

bool tls_peer_authorized (const struct tls_peer *peer) {
  if (peer == NULL || peer->verdict != TLS_VERDICT_ACCEPTED ||
      peer->ocsp_fault != 0)
    return false;
  if (peer->authentication == TLS_AUTHENTICATION_PSK)
    return true;
  return peer->authentication != TLS_AUTHENTICATION_NONE &&
         tls_peer_has_shown(peer) && peer->question != TLS_QUESTION_REFUSED &&
         (peer->chain_result == X509_V_OK || peer->override);
}
