/*
** client_hello_callback: a server's decisions at the ClientHello, see
** client_hello_callback.h.
*/
#include "client_hello_callback.h"

#include <openssl/err.h>

#include "engine_state.h"
#include "handshake_peer.h"
#include "ossl_compat.h"
#include "raw_keys.h"
#include "session_context.h"

/* === the callbacks ===================================================== */

/* A client has begun a renegotiation, whoever asked for it. */
static bool begin_renegotiation (struct tls_engine *e) {
  if (e->next_peer != NULL)
    return true;
  e->events |= TLS_EV_RENEGOTIATING;
  return tls_handshake_peer_begin(e);
}

static int refuse (int *alert, int with) {
  *alert = with;
  return SSL_CLIENT_HELLO_ERROR;
}

static int ask_owner (struct tls_engine *e, int *alert) {
  e->client_hello = tls_client_hello_copy(e->ssl);
  if (e->client_hello == NULL)
    return refuse(alert, SSL_AD_INTERNAL_ERROR);
  e->client_hello_state = CLIENT_HELLO_PENDING;
  e->events |= TLS_EV_CLIENT_HELLO;
  return SSL_CLIENT_HELLO_RETRY;
}

/* The one place where everything can still be chosen (context, protocol,
** session), and where OpenSSL can wait. The owner is asked about the first
** handshake only. */
int tls_on_client_hello (SSL *ssl, int *alert, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL || (e->secure && !begin_renegotiation(e)))
    return refuse(alert, SSL_AD_INTERNAL_ERROR);
  if (e->secure || !e->ask_client_hello)
    return SSL_CLIENT_HELLO_SUCCESS;
  switch (e->client_hello_state) {
    case CLIENT_HELLO_NOT_SEEN: return ask_owner(e, alert);
    case CLIENT_HELLO_PENDING: return SSL_CLIENT_HELLO_RETRY;
    case CLIENT_HELLO_ANSWERED: break;
  }
  return e->client_hello_alert == 0 ? SSL_CLIENT_HELLO_SUCCESS
                                    : refuse(alert, e->client_hello_alert);
}

/* The server acknowledges the name (RFC 6066, 3): OpenSSL then keeps it in
** the session, which may be resumed under that name only. */
int tls_on_servername (SSL *ssl, int *alert, void *arg) {
  (void)ssl, (void)alert, (void)arg;
  return SSL_TLSEXT_ERR_OK;
}

/* === the answer ======================================================== */

const struct tls_client_hello *
tls_engine_client_hello (const struct tls_engine *e) {
  return e->client_hello;
}

bool tls_engine_client_hello_pending (const struct tls_engine *e) {
  return e->client_hello_state == CLIENT_HELLO_PENDING;
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

/* The flags of the first context are cleared before: SSL_set1_param(3) only
** adds to them. */
static bool copy_verify_param (SSL *ssl, SSL_CTX *ctx) {
  X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
  unsigned long flags = X509_VERIFY_PARAM_get_flags(param);
  return X509_VERIFY_PARAM_clear_flags(param, flags) &&
         SSL_set1_param(ssl, SSL_CTX_get0_param(ctx));
}

/* SSL_set_SSL_CTX() changes certificates, anchors and ciphers. The other
** settings of a context were copied when the SSL was made, so they are copied
** again here; options are added to those that the server has, but for those
** of compressed certificates. */
static bool switch_context (struct tls_engine *e,
                            const struct tls_client_hello_answer *a) {
  SSL *ssl = e->ssl;
  SSL_clear_options(ssl, TLS_OP_NO_COMPRESSION_AT_ALL);
  SSL_set_options(ssl, SSL_CTX_get_options(a->ctx));
  if (SSL_set_SSL_CTX(ssl, a->ctx) == NULL || !narrow_versions(ssl, a->ctx) ||
      !copy_verify_param(ssl, a->ctx))
    return false;
  if (e->want_keylog) /* the callback is the context's */
    tls_engine_want_keylog(e);
  return (a->groups == NULL || SSL_set1_groups_list(ssl, a->groups)) &&
         tls_raw_keys_apply(ssl, a->ctx) && tls_session_context_bind(e, a->ctx);
}

bool tls_engine_answer_client_hello (struct tls_engine *e,
                                     const struct tls_client_hello_answer *a) {
  if (e->client_hello_state != CLIENT_HELLO_PENDING)
    return true;
  tls_clear_errors();
  if ((a->ctx != NULL && !switch_context(e, a)) ||
      (a->alpn != NULL && !tls_blob_set(&e->alpn, a->alpn, a->alpn_size)) ||
      (a->ocsp != NULL &&
       !tls_blob_set(&e->ocsp_response, a->ocsp, a->ocsp_size)))
    return false;
  if (a->session != NULL && SSL_SESSION_up_ref(a->session)) {
    SSL_SESSION_free(e->offered); /* NULL is allowed */
    e->offered = a->session;
  }
  e->ocsp_answered = a->ocsp_answered;
  e->alpn_refused = a->alpn_refused;
  e->client_hello_alert = a->alert;
  e->client_hello_state = CLIENT_HELLO_ANSWERED;
  return true;
}
