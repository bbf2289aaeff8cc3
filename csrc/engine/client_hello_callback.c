/*
** client_hello_callback: a server's handshake waits at the ClientHello for the
** owner's answer: context, protocols, session, OCSP response, or a refusal.
*/
#include "client_hello_callback.h"

#include <stdlib.h>
#include <string.h>

#include "engine_state.h"
#include "handshake_peer.h"
#include "session_context.h"

/* A client renegotiates, whoever asked for it. */
static bool begin_renegotiation (struct tls_engine *e) {
  if (e->next_peer != NULL)
    return true;
  e->events |= TLS_EV_RENEGOTIATING;
  return tls_handshake_begin(e);
}

/* SSL_CTX_set_client_hello_cb(3): the one place where everything may still be
** chosen (context, protocol, session), and where waiting is possible. */
int tls_on_client_hello (SSL *ssl, int *alert, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL || (e->secure && !begin_renegotiation(e))) {
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
  }
  if (e->secure || !e->want_client_hello)
    return SSL_CLIENT_HELLO_SUCCESS;
  switch (e->client_hello_state) {
    case CLIENT_HELLO_NOT_SEEN:
      e->client_hello = tls_client_hello_copy(ssl);
      if (e->client_hello == NULL)
        break;
      e->client_hello_state = CLIENT_HELLO_PENDING;
      e->events |= TLS_EV_CLIENT_HELLO;
      return SSL_CLIENT_HELLO_RETRY;
    case CLIENT_HELLO_PENDING: return SSL_CLIENT_HELLO_RETRY;
    case CLIENT_HELLO_ANSWERED:
      if (e->client_hello_alert == 0)
        return SSL_CLIENT_HELLO_SUCCESS;
      *alert = e->client_hello_alert;
      return SSL_CLIENT_HELLO_ERROR;
  }
  *alert = SSL_AD_INTERNAL_ERROR;
  return SSL_CLIENT_HELLO_ERROR;
}

/* The name was heard: say so (RFC 6066, 3), and resume only under it. */
int tls_on_servername (SSL *ssl, int *alert, void *arg) {
  (void)ssl, (void)alert, (void)arg;
  return SSL_TLSEXT_ERR_OK;
}

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

/* How chains are looked at: X509_VERIFY_PARAM_set1(3) would only add to the
** flags that the first context brought. */
static bool copy_verify_param (SSL *ssl, SSL_CTX *ctx) {
  X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
  unsigned long flags = X509_VERIFY_PARAM_get_flags(param);
  return X509_VERIFY_PARAM_clear_flags(param, flags) &&
         SSL_set1_param(ssl, SSL_CTX_get0_param(ctx));
}

/* SSL_set_SSL_CTX() brings certificates, anchors and ciphers; the rest of a
** context's settings were copied when the SSL was made. Its options join those
** that the server has. */
static bool switch_context (struct tls_engine *e,
                            const struct tls_client_hello_answer *a) {
  SSL *ssl = e->ssl;
  SSL_set_options(ssl, SSL_CTX_get_options(a->ctx));
  if (SSL_set_SSL_CTX(ssl, a->ctx) == NULL || !narrow_versions(ssl, a->ctx) ||
      !copy_verify_param(ssl, a->ctx))
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

bool tls_engine_answer_client_hello (struct tls_engine *e,
                                     const struct tls_client_hello_answer *a) {
  if (e->client_hello_state != CLIENT_HELLO_PENDING)
    return true;
  ERR_clear_error();
  if (a->ctx != NULL &&
      (!switch_context(e, a) || !tls_session_context_bind(e, a->ctx)))
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
  e->client_hello_alert = a->alert;
  e->client_hello_state = CLIENT_HELLO_ANSWERED;
  return true;
}
