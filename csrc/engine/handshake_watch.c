/*
** handshake_watch: later handshakes, see handshake_watch.h.
*/
#include "handshake_watch.h"

#include "engine_state.h"
#include "fatal_alert.h"
#include "handshake_peer.h"
#include "notes.h"
#include "ossl_compat.h"

/* Later handshakes up to TLS 1.2. A client's begins with the message that it
** sends. A server's begins with the ClientHello that it receives, see
** tls_on_client_hello(): its HelloRequest only looks like a beginning here. In
** TLS 1.3 tickets and key updates would look like one. */
static void watch_states (struct tls_engine *e, int where) {
  if (!e->secure || SSL_version(e->ssl) >= TLS1_3_VERSION)
    return;
  if ((where & SSL_CB_HANDSHAKE_START) && !e->server &&
      tls_handshake_peer_begin(e))
    e->events |= TLS_EV_RENEGOTIATING;
  if ((where & SSL_CB_HANDSHAKE_DONE) && e->next_peer != NULL)
    e->next_peer->finished = true;
}

void tls_on_info (const SSL *ssl, int where, int value) {
  struct tls_engine *e = tls_engine_of(ssl);
  if (e == NULL)
    return;
  if (where & SSL_CB_ALERT)
    tls_fatal_alert_note(e, where, value);
  else
    watch_states(e, where);
}

/* A client of TLS 1.3 answers the CertificateRequest. Its Certificate begins
** another handshake of ours, also when it is compressed (RFC 8879); its
** Finished, which OpenSSL has yet to check, ends it. A key update may come in
** between. */
static void on_certificate_answer (struct tls_engine *e, unsigned char type) {
  if (type == SSL3_MT_KEY_UPDATE ||
      (e->next_peer == NULL && !tls_handshake_peer_begin(e)))
    return;
  if (type != SSL3_MT_FINISHED)
    return;
  e->requested = REQUESTED_NONE;
  e->next_peer->finished = true;
}

/* SSL_set_msg_callback(3). The first byte of a handshake message is its
** type. */
static void on_message (int written, int version, int content, const void *buf,
                        size_t size, SSL *ssl, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)version, (void)arg;
  if (e == NULL)
    return;
  if (e->trace != NULL)
    TLS_TRACE(written, version, content, buf, size, ssl, e->trace);
  if (e->notes != NULL)
    tls_notes_add(e, written != 0, content, buf, size);
  if (e->requested == REQUESTED_CERTIFICATE && !written &&
      content == SSL3_RT_HANDSHAKE && size > 0)
    on_certificate_answer(e, *(const unsigned char *)buf);
}

void tls_handshake_watch (struct tls_engine *e) {
  if (e->requested == REQUESTED_CERTIFICATE || e->trace != NULL ||
      e->notes != NULL)
    SSL_set_msg_callback(e->ssl, on_message);
}

void tls_engine_trace (struct tls_engine *e, BIO *to) {
  e->trace = to;
  tls_handshake_watch(e);
}

void tls_engine_want_notes (struct tls_engine *e) {
  if (e->notes == NULL)
    e->notes = tls_notes_new();
  if (e->notes == NULL)
    return;
  e->ask_client_hello = e->server;
  tls_handshake_watch(e);
}
