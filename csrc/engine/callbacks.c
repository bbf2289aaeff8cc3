/*
** hooks: functions that OpenSSL calls, see hooks.h.
*/
#include "callbacks.h"

#include <string.h>

#include <openssl/x509_vfy.h>

#include "engine_state.h"

static struct tls_engine *engine_of (X509_STORE_CTX *ctx) {
  int idx = SSL_get_ex_data_X509_STORE_CTX_idx();
  SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, idx);
  return ssl == NULL ? NULL : tls_engine_of(ssl);
}

/* Go on after an error, so that all of the chain is looked at and the last
** error is known, as Node reports it (a lone leaf from an unknown issuer is
** UNABLE_TO_VERIFY_LEAF_SIGNATURE, not its forerunner). Sticky: one error is
** enough to refuse, whatever X509_verify_cert() says in the end. */
static int on_verify_step (int ok, X509_STORE_CTX *ctx) {
  struct tls_engine *e = engine_of(ctx);
  if (e == NULL || e->next == NULL)
    return 0;
  if (!ok)
    tls_peer_note_error(e->next, X509_STORE_CTX_get_error(ctx),
                        X509_STORE_CTX_get_error_depth(ctx),
                        X509_STORE_CTX_get_current_cert(ctx));
  return 1;
}

static void verify_chain (struct tls_peer *peer, X509_STORE_CTX *ctx) {
  tls_peer_set_leaf(peer, X509_STORE_CTX_get0_cert(ctx));
  peer->chain_result = X509_V_OK;
  X509_STORE_CTX_set_verify_cb(ctx, on_verify_step);
  int r = X509_verify_cert(ctx);
  if (r != 1 && peer->chain_result == X509_V_OK)
    peer->chain_result = X509_V_ERR_UNSPECIFIED;
}

/* 1 goes on with the handshake, 0 ends it. The alert is made from the error
** that is set here, and the session remembers it: that is what was found about
** the chain, not what the user makes of it in this handshake. */
static int chain_verdict (const struct tls_engine *e, X509_STORE_CTX *ctx) {
  const struct tls_peer *peer = e->next;
  long fault = tls_peer_fault(peer);
  bool refuse = e->reject && fault != X509_V_OK;
  if (e->server && e->ask_verify)
    refuse = false; /* the user has the last word, at the gate */
  X509_STORE_CTX_set_error(ctx, (int)(refuse ? fault : peer->chain_result));
  return !refuse;
}

/* A client looks at the name too, and asks the user: the handshake waits. */
static bool to_be_asked (const struct tls_engine *e) {
  return !e->server && (e->ask_verify || e->next->chain_result == X509_V_OK);
}

/* SSL_CTX_set_cert_verify_callback(3): 1 accepts, and suspends when
** SSL_set_retry_verify() was called. OpenSSL calls again after the answer. */
static int on_verify (X509_STORE_CTX *ctx, void *arg) {
  struct tls_engine *e = engine_of(ctx);
  (void)arg;
  if (e == NULL || e->next == NULL)
    return 0;
  switch (e->next->question) {
    case TLS_QUESTION_NONE:
      verify_chain(e->next, ctx);
      if (!to_be_asked(e))
        return chain_verdict(e, ctx);
      e->next->question = TLS_QUESTION_OPEN;
      e->events |= TLS_EV_IDENTITY;
      return SSL_set_retry_verify(e->ssl);
    case TLS_QUESTION_OPEN: return SSL_set_retry_verify(e->ssl);
    case TLS_QUESTION_ACCEPTED:
    case TLS_QUESTION_REFUSED: return chain_verdict(e, ctx);
  }
  return 0;
}

/* RFC 7301, 3.2: the server's order wins, and without overlap the handshake
** ends with no_application_protocol. A server that was given no protocols
** ignores the extension. SSL_select_next_proto(3) reads both lists; neither is
** empty (CVE-2024-5535). */
static int on_alpn (SSL *ssl, const unsigned char **out, unsigned char *outlen,
                    const unsigned char *in, unsigned inlen, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  unsigned char *chosen;
  (void)arg;
  if (e == NULL || (e->alpn == NULL && !e->alpn_refused))
    return SSL_TLSEXT_ERR_NOACK;
  if (e->alpn_refused)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  if (inlen == 0 ||
      SSL_select_next_proto(&chosen, outlen, e->alpn, (unsigned)e->alpn_size,
                            in, inlen) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen; /* copied by OpenSSL before the engine forgets its list */
  return SSL_TLSEXT_ERR_OK;
}

/* A client renegotiates, whoever asked for it. */
static bool begin_again (struct tls_engine *e) {
  if (e->next != NULL)
    return true;
  e->events |= TLS_EV_RENEGOTIATING;
  return tls_engine_begin_peer(e);
}

/* SSL_CTX_set_client_hello_cb(3): the one place where everything may still be
** chosen (context, protocol, session), and where waiting is possible. */
static int on_client_hello (SSL *ssl, int *alert, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL || (e->secure && !begin_again(e))) {
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
  }
  if (e->secure || !e->ask_hello)
    return SSL_CLIENT_HELLO_SUCCESS;
  switch (e->hello_state) {
    case HELLO_UNSEEN:
      e->hello = tls_hello_copy(ssl);
      if (e->hello == NULL)
        break;
      e->hello_state = HELLO_ASKED;
      e->events |= TLS_EV_HELLO;
      return SSL_CLIENT_HELLO_RETRY;
    case HELLO_ASKED: return SSL_CLIENT_HELLO_RETRY;
    case HELLO_ANSWERED:
      if (e->hello_alert == 0)
        return SSL_CLIENT_HELLO_SUCCESS;
      *alert = e->hello_alert;
      return SSL_CLIENT_HELLO_ERROR;
  }
  *alert = SSL_AD_INTERNAL_ERROR;
  return SSL_CLIENT_HELLO_ERROR;
}

/* The name was heard: say so (RFC 6066, 3), and resume only under it. */
static int on_servername (SSL *ssl, int *alert, void *arg) {
  (void)ssl, (void)alert, (void)arg;
  return SSL_TLSEXT_ERR_OK;
}

/* Server: the response is copied, since OpenSSL frees it. Client: it has come,
** or has not. */
static int on_status (SSL *ssl, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL)
    return SSL_TLSEXT_ERR_NOACK;
  if (!e->server) {
    e->events |= TLS_EV_OCSP;
    return 1;
  }
  unsigned char *copy =
      e->ocsp == NULL ? NULL : OPENSSL_memdup(e->ocsp, e->ocsp_size);
  if (copy == NULL)
    return SSL_TLSEXT_ERR_NOACK;
  if (!SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)e->ocsp_size)) {
    OPENSSL_free(copy);
    return SSL_TLSEXT_ERR_NOACK;
  }
  return SSL_TLSEXT_ERR_OK;
}

/* NPN, up to TLS 1.2. With ALPN on, it is not offered. */
static int on_npn_advertise (SSL *ssl, const unsigned char **out,
                             unsigned *size, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL || e->npn == NULL || e->alpn != NULL)
    return SSL_TLSEXT_ERR_NOACK;
  *out = e->npn;
  *size = (unsigned)e->npn_size;
  return SSL_TLSEXT_ERR_OK;
}

static int on_npn_select (SSL *ssl, unsigned char **out, unsigned char *outlen,
                          const unsigned char *in, unsigned size, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL || size == 0 || in[0] >= size)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = (unsigned char *)in + 1; /* another connection of the context asked */
  *outlen = in[0];
  if (e->npn != NULL) /* without overlap, our first one */
    SSL_select_next_proto(out, outlen, in, size, e->npn, (unsigned)e->npn_size);
  return SSL_TLSEXT_ERR_OK;
}

void tls_hook_keylog (const SSL *ssl, const char *line) {
  struct tls_engine *e = tls_engine_of(ssl);
  if (e == NULL || !e->want_keylog)
    return;
  size_t old = e->keylog == NULL ? 0 : strlen(e->keylog), n = strlen(line);
  char *lines = OPENSSL_clear_realloc(e->keylog, old, old + n + 2);
  if (lines == NULL)
    return;
  memcpy(lines + old, line, n);
  memcpy(lines + old + n, "\n", 2);
  e->keylog = lines;
  e->events |= TLS_EV_KEYLOG;
}

/* A client's next handshake begins with what it sends, a server's with what it
** receives: on_client_hello(). A HelloRequest of ours only looks like one. In
** TLS 1.3 there is none; tickets and new keys would look like one. */
static void on_info (const SSL *ssl, int where, int value) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)value;
  if (e == NULL || SSL_version(ssl) >= TLS1_3_VERSION)
    return;
  if ((where & SSL_CB_HANDSHAKE_START) && !e->server &&
      tls_engine_begin_peer(e))
    e->events |= TLS_EV_RENEGOTIATING;
  if ((where & SSL_CB_HANDSHAKE_DONE) && e->next != NULL)
    e->next->finished = true;
}

/* A client of TLS 1.3 answers what ask_certificate() asked. Its Certificate,
** compressed (RFC 8879) or not, begins another record; its Finished, which
** OpenSSL is yet to check, ends it. New keys may come in between. */
static void on_answer (struct tls_engine *e, unsigned char kind) {
  if (kind == SSL3_MT_KEY_UPDATE ||
      (e->next == NULL && !tls_engine_begin_peer(e)))
    return;
  if (kind != SSL3_MT_FINISHED)
    return;
  e->post_auth = false;
  e->next->finished = true;
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

void tls_hooks_watch (struct tls_engine *e) {
  if (e->secure && SSL_version(e->ssl) < TLS1_3_VERSION)
    SSL_set_info_callback(e->ssl, on_info);
  if (e->post_auth || e->trace != NULL)
    SSL_set_msg_callback(e->ssl, on_message);
}

void tls_hooks_install (SSL_CTX *ctx) {
  SSL_CTX_set_cert_verify_callback(ctx, on_verify, NULL);
  SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
  SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
  SSL_CTX_set_tlsext_servername_callback(ctx, on_servername);
  SSL_CTX_set_tlsext_status_cb(ctx, on_status);
  tls_sessions_install(ctx);
  SSL_CTX_set_next_protos_advertised_cb(ctx, on_npn_advertise, NULL);
}

void tls_hooks_offer_npn (SSL_CTX *ctx) {
  SSL_CTX_set_next_proto_select_cb(ctx, on_npn_select, NULL);
}
