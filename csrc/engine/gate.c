/*
** gate: takes the owner's answers about the peer (answer_verify, set_verdict)
** and opens the gate for it (approve). See engine.h. Whether the peer is
** authorized is decided in authorization.c.
*/
#include "authorization.h"
#include "engine_state.h"
#include "ossl_compat.h"
#include "handshake_watch.h"

const struct tls_peer *tls_engine_peer (const struct tls_engine *e) {
  return tls_current_peer(e);
}

unsigned tls_engine_generation (const struct tls_engine *e) {
  if (tls_question_open(e))
    return e->next_peer->generation;
  return e->peer == NULL ? 0 : e->peer->generation;
}

bool tls_engine_answer_verify (struct tls_engine *e, unsigned generation,
                               bool accepted, bool override) {
  if (!tls_question_open(e) || e->next_peer->generation != generation)
    return false;
  e->next_peer->override = accepted && override;
  e->next_peer->question =
      accepted ? TLS_QUESTION_ACCEPTED : TLS_QUESTION_REFUSED;
  return true;
}

bool tls_engine_set_verdict (struct tls_engine *e, unsigned generation,
                             bool accepted, bool override) {
  if (e->peer == NULL || e->peer->generation != generation ||
      e->peer->verdict != TLS_VERDICT_PENDING)
    return false;
  tls_peer_set_verdict(e->peer, accepted, accepted && override);
  return true;
}

/* OpenSSL keeps the client's share of the key exchange as long as the
** connection lives, and asks nothing of it any more; nor do we, on a server.
** The key itself cannot be taken away from it, but emptied: its type is set
** anew, which frees what is in it, EVP_PKEY_set_type(3). */
static void drop_client_share (struct tls_engine *e) {
#if TLS_HAS_LARGE_SHARES
  EVP_PKEY *share = NULL;
  if (!e->server || !SSL_get_peer_tmp_key(e->ssl, &share))
    return;
  EVP_PKEY_set_type(share, EVP_PKEY_X25519);
  EVP_PKEY_free(share);
#else
  (void)e;
#endif
}

/* From now on a later handshake is watched for. */
void tls_engine_approve (struct tls_engine *e, unsigned generation) {
  if (e->peer == NULL || e->peer->generation != generation)
    return;
  tls_peer_set_verdict(e->peer, false, false); /* unless it has one */
  if (e->reject_unauthorized && !tls_peer_authorized(e->peer))
    return;
  e->peer->gate_open = true;
  tls_engine_forget_handshake(e);
  drop_client_share(e);
  tls_handshake_watch(e);
}

bool tls_engine_authorized (const struct tls_engine *e) {
  return tls_peer_authorized(e->peer);
}
