/*
** status: questions to an engine, see engine.h.
*/
#include "engine_state.h"

bool tls_engine_busy (const struct tls_engine *e) {
  return e->depth > 0;
}

struct tls_records *tls_engine_records (struct tls_engine *e) {
  return &e->records;
}

bool tls_engine_secure (const struct tls_engine *e) {
  return e->secure;
}

bool tls_engine_renegotiating (const struct tls_engine *e) {
  bool under_way = e->next_peer != NULL || e->renegotiate_due;
  return e->secure && under_way && !tls_suspended(e);
}

bool tls_engine_may_update_keys (const struct tls_engine *e) {
  return tls_ready(e) && !e->renegotiate_due && !e->close_notify_due &&
         !e->close_notify_sent;
}

bool tls_engine_may_renegotiate (const struct tls_engine *e) {
  return tls_engine_may_update_keys(e) && !e->ended;
}

bool tls_engine_handshake_cut_off (const struct tls_engine *e) {
  return e->ended && e->next_peer != NULL;
}

bool tls_engine_writable (const struct tls_engine *e) {
  return tls_writable(e);
}

bool tls_engine_truncated (const struct tls_engine *e) {
  return e->truncated;
}

bool tls_engine_failed (const struct tls_engine *e) {
  return tls_failed(e);
}

bool tls_engine_ended (const struct tls_engine *e) {
  return e->ended;
}

STACK_OF(X509) * tls_engine_peer_chain(const struct tls_engine *e) {
  return SSL_get_peer_cert_chain(e->ssl);
}

X509_STORE *tls_engine_trust_store (const struct tls_engine *e) {
  return SSL_CTX_get_cert_store(SSL_get_SSL_CTX(e->ssl));
}

SSL *tls_engine_ssl (const struct tls_engine *e) {
  return e->ssl;
}
