/*
** engine_ask: what a connection asks its owner in and after the handshake, and
** what the owner asks of it, see engine.h.
*/
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "engine_state.h"
#include "callbacks.h"

const struct tls_hello *tls_engine_hello (const struct tls_engine *e) {
  return e->hello;
}

bool tls_engine_hello_asked (const struct tls_engine *e) {
  return e->hello_state == HELLO_ASKED;
}

/* 0 stands for no bound. */
static int lowest (int a, int b) {
  return a == 0 || (b != 0 && b < a) ? b : a;
}

/* A context may narrow the server's versions, never widen them. */
static bool narrow_versions (SSL *ssl, SSL_CTX *ctx) {
  int min = (int)SSL_get_min_proto_version(ssl);
  int other = (int)SSL_CTX_get_min_proto_version(ctx);
  int max = lowest((int)SSL_get_max_proto_version(ssl),
                   (int)SSL_CTX_get_max_proto_version(ctx));
  return SSL_set_min_proto_version(ssl, other > min ? other : min) &&
         SSL_set_max_proto_version(ssl, max);
}

/* How chains are looked at: X509_VERIFY_PARAM_set1(3) would only add to the
** flags that the first context brought. */
static bool take_verify_param (SSL *ssl, SSL_CTX *ctx) {
  X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
  unsigned long flags = X509_VERIFY_PARAM_get_flags(param);
  return X509_VERIFY_PARAM_clear_flags(param, flags) &&
         SSL_set1_param(ssl, SSL_CTX_get0_param(ctx));
}

/* SSL_set_SSL_CTX() brings certificates, anchors and ciphers; the rest of a
** context's settings were copied when the SSL was made. Its options join those
** that the server has. */
static bool switch_context (struct tls_engine *e,
                            const struct tls_hello_answer *a) {
  SSL *ssl = e->ssl;
  SSL_set_options(ssl, SSL_CTX_get_options(a->ctx));
  if (SSL_set_SSL_CTX(ssl, a->ctx) == NULL || !narrow_versions(ssl, a->ctx) ||
      !take_verify_param(ssl, a->ctx))
    return false;
  if (e->want_keylog)
    tls_engine_want_keylog(e);
  return a->groups == NULL || SSL_set1_groups_list(ssl, a->groups);
}

static bool replace (unsigned char **to, size_t *to_size,
                     const unsigned char *data, size_t size) {
  unsigned char *copy = malloc(size + 1);
  if (copy == NULL)
    return false;
  memcpy(copy, data, size);
  free(*to);
  *to = copy;
  *to_size = size;
  return true;
}

bool tls_engine_answer_hello (struct tls_engine *e,
                              const struct tls_hello_answer *a) {
  if (e->hello_state != HELLO_ASKED)
    return true;
  ERR_clear_error();
  if (a->ctx != NULL &&
      (!switch_context(e, a) || !tls_sessions_bind(e, a->ctx)))
    return false;
  if (a->alpn != NULL &&
      !replace(&e->alpn, &e->alpn_size, a->alpn, a->alpn_size))
    return false;
  if (a->ocsp != NULL &&
      !replace(&e->ocsp, &e->ocsp_size, a->ocsp, a->ocsp_size))
    return false;
  if (a->session != NULL && SSL_SESSION_up_ref(a->session))
    e->offered = a->session;
  e->alpn_refused = a->alpn_refused;
  e->hello_alert = a->alert;
  e->hello_state = HELLO_ANSWERED;
  return true;
}

char *tls_engine_take_keylog (struct tls_engine *e) {
  char *lines = e->keylog;
  e->keylog = NULL;
  return lines;
}

/* OpenSSL writes the lines for all connections of a context or for none: the
** hook is installed with the first one that wants them. */
void tls_engine_want_keylog (struct tls_engine *e) {
  e->want_keylog = true;
  SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(e->ssl), tls_hook_keylog);
}

void tls_engine_trace (struct tls_engine *e, BIO *to) {
  e->trace = to;
  tls_hooks_watch(e);
}

const unsigned char *tls_engine_ocsp (const struct tls_engine *e, size_t *n) {
  const unsigned char *data = NULL;
  long size = SSL_get_tlsext_status_ocsp_resp(e->ssl, &data);
  *n = size > 0 ? (size_t)size : 0;
  return size > 0 ? data : NULL;
}

static int mode (bool request_cert, bool reject) {
  if (!request_cert)
    return SSL_VERIFY_NONE;
  return SSL_VERIFY_PEER | (reject ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
}

/* False when OpenSSL refuses. Its queue tells. */
static bool begin (struct tls_engine *e) {
  if (!tls_engine_enter(e))
    return false;
  bool ok = SSL_do_handshake(e->ssl) >= 0 || ERR_peek_error() == 0;
  tls_engine_leave(e);
  if (ok)
    tls_engine_end_peer(e);
  return ok;
}

/* SSL_verify_client_post_handshake(3) */
static bool ask_certificate (struct tls_engine *e) {
  bool was = e->post_auth;
  e->post_auth = true;
  tls_hooks_watch(e);
  if (SSL_verify_client_post_handshake(e->ssl) == 1)
    return begin(e);
  e->post_auth = was;
  return false;
}

static bool ask_for_handshake (struct tls_engine *e, bool request_cert) {
  ERR_clear_error();
  if (e->server && request_cert && SSL_version(e->ssl) >= TLS1_3_VERSION)
    return ask_certificate(e);
  if (SSL_renegotiate(e->ssl) != 1)
    return false;
  if (e->server)
    return begin(e);
  e->renegotiate_due = true; /* SSL_read() may find data before the answer */
  return true;
}

/* ... and not the old session be taken up, without a certificate. */
static void set_terms (struct tls_engine *e, bool request_cert, bool reject) {
  SSL_set_verify(e->ssl, mode(request_cert, reject), NULL);
  SSL_set_options(e->ssl, SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
}

bool tls_engine_renegotiate (struct tls_engine *e, bool request_cert,
                             bool reject) {
  int old_mode = SSL_get_verify_mode(e->ssl);
  bool old_reject = e->reject;
  if (!tls_engine_idle(e))
    return false;
  e->reject = reject && (!e->server || request_cert);
  if (e->server)
    set_terms(e, request_cert, reject);
  if (ask_for_handshake(e, request_cert))
    return true;
  e->reject = old_reject;
  SSL_set_verify(e->ssl, old_mode, NULL);
  return false;
}

/* A peer that has ended its direction has no keys to change. */
bool tls_engine_update_keys (struct tls_engine *e) {
  int kind = e->ended ? SSL_KEY_UPDATE_NOT_REQUESTED : SSL_KEY_UPDATE_REQUESTED;
  ERR_clear_error();
  return tls_engine_may_update_keys(e) && SSL_key_update(e->ssl, kind) == 1 &&
         begin(e);
}
