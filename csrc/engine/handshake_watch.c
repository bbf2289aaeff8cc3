/*
** handshake_watch: notices that another handshake begins, or ends, on a
** connection that is secure.
*/
#include "handshake_watch.h"

#include "engine_state.h"
#include "handshake_peer.h"

/* A client's next handshake begins with what it sends, a server's with what it
** receives: on_client_hello(). A HelloRequest of ours only looks like one. In
** TLS 1.3 there is none; tickets and new keys would read_fields like one. */
static void on_info (const SSL *ssl, int where, int value) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)value;
  if (e == NULL || SSL_version(ssl) >= TLS1_3_VERSION)
    return;
  if ((where & SSL_CB_HANDSHAKE_START) && !e->server && tls_handshake_begin(e))
    e->events |= TLS_EV_RENEGOTIATING;
  if ((where & SSL_CB_HANDSHAKE_DONE) && e->next_peer != NULL)
    e->next_peer->finished = true;
}

/* A client of TLS 1.3 answers what request_certificate() asked. Its
*Certificate,
** compressed (RFC 8879) or not, begins another record; its Finished, which
** OpenSSL is yet to check, ends it. New keys may come in between. */
static void on_answer (struct tls_engine *e, unsigned char kind) {
  if (kind == SSL3_MT_KEY_UPDATE ||
      (e->next_peer == NULL && !tls_handshake_begin(e)))
    return;
  if (kind != SSL3_MT_FINISHED)
    return;
  e->post_auth = false;
  e->next_peer->finished = true;
}

static void on_message (int written, int version, int type, const void *buf,
                        size_t size, SSL *ssl, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)version, (void)arg;
  if (e == NULL)
    return;
#ifndef OPENSSL_NO_SSL_TRACE
  if (e->trace != NULL)
    SSL_trace(written, version, type, buf, size, ssl, e->trace);
#endif
  if (e->post_auth && !written && type == SSL3_RT_HANDSHAKE && size > 0)
    on_answer(e, *(const unsigned char *)buf);
}

void tls_handshake_watch (struct tls_engine *e) {
  if (e->secure && SSL_version(e->ssl) < TLS1_3_VERSION)
    SSL_set_info_callback(e->ssl, on_info);
  if (e->post_auth || e->trace != NULL)
    SSL_set_msg_callback(e->ssl, on_message);
}

void tls_engine_trace (struct tls_engine *e, BIO *to) {
  e->trace = to;
  tls_handshake_watch(e);
}
