/*
** hooks: every function that OpenSSL calls.
*/
#include "hooks.h"

#include <string.h>

#include <openssl/async.h>
#include <openssl/x509_vfy.h>

#include "engine_state.h"

static struct tls_engine *engine_of (X509_STORE_CTX *ctx) {
  int idx = SSL_get_ex_data_X509_STORE_CTX_idx();
  SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, idx);
  return ssl == NULL ? NULL : tls_engine_of(ssl);
}

static void note_refused (struct tls_engine *e, X509_STORE_CTX *ctx) {
  X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
  e->verify_depth = X509_STORE_CTX_get_error_depth(ctx);
  if (cert == NULL || !X509_up_ref(cert))
    return;
  X509_free(e->refused);
  e->refused = cert;
}

/* Go on after an error, so that all of the chain is looked at and the last
** error is known, as Node reports it (a lone leaf from an unknown issuer is
** UNABLE_TO_VERIFY_LEAF_SIGNATURE, not its forerunner). Sticky: one error is
** enough to refuse, whatever X509_verify_cert() says in the end. */
static int on_verify_step (int ok, X509_STORE_CTX *ctx) {
  struct tls_engine *e = engine_of(ctx);
  if (e == NULL)
    return 0;
  if (ok)
    return 1;
  if (e->verify_depth < 0)
    note_refused(e, ctx);
  e->verify_result = X509_STORE_CTX_get_error(ctx);
  return 1;
}

static void verify_chain (struct tls_engine *e, X509_STORE_CTX *ctx) {
  X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
  if (leaf != NULL && X509_up_ref(leaf)) {
    X509_free(e->leaf);
    e->leaf = leaf;
  }
  e->verify_result = X509_V_OK;
  e->verify_depth = -1;
  X509_STORE_CTX_set_verify_cb(ctx, on_verify_step);
  int r = X509_verify_cert(ctx);
  if (r != 1 && e->verify_result == X509_V_OK)
    e->verify_result = X509_V_ERR_UNSPECIFIED;
  /* The alert is made from it, and the session keeps it. */
  X509_STORE_CTX_set_error(ctx, (int)e->verify_result);
}

static int chain_verdict (struct tls_engine *e) {
  return e->verify_result == X509_V_OK || !e->reject;
}

static int identity_accepted (struct tls_engine *e, X509_STORE_CTX *ctx) {
  if (e->override)
    e->verify_result = X509_V_OK;
  X509_STORE_CTX_set_error(ctx, (int)e->verify_result);
  return chain_verdict(e);
}

static int identity_refused (struct tls_engine *e, X509_STORE_CTX *ctx) {
  if (e->verify_result == X509_V_OK) {
    e->verify_result = X509_V_ERR_HOSTNAME_MISMATCH;
    e->verify_depth = 0;
  }
  X509_STORE_CTX_set_error(ctx, (int)e->verify_result);
  return !e->reject;
}

static int answered (struct tls_engine *e, X509_STORE_CTX *ctx) {
  if (e->identity == IDENTITY_ACCEPTED)
    return identity_accepted(e, ctx);
  return identity_refused(e, ctx);
}

/* A client looks at the name as well: that is done in Lua, so suspend. A
** server does so inside the job that tls_engine_new() prepared. */
static int ask_identity (struct tls_engine *e, X509_STORE_CTX *ctx) {
  e->identity = IDENTITY_ASKED;
  e->events |= TLS_EV_IDENTITY;
  if (!e->server)
    return SSL_set_retry_verify(e->ssl);
  while (e->identity == IDENTITY_ASKED)
    if (ASYNC_get_current_job() == NULL || !ASYNC_pause_job())
      return 0;
  return answered(e, ctx);
}

static bool to_be_asked (const struct tls_engine *e) {
  return e->ask_verify || (!e->server && e->verify_result == X509_V_OK);
}

/* SSL_CTX_set_cert_verify_callback(3): 1 accepts, and suspends when
** SSL_set_retry_verify() was called. OpenSSL calls again after the answer. */
static int on_verify (X509_STORE_CTX *ctx, void *arg) {
  struct tls_engine *e = engine_of(ctx);
  (void)arg;
  if (e == NULL)
    return 0;
  switch (e->identity) {
    case IDENTITY_UNSEEN:
      verify_chain(e, ctx);
      return to_be_asked(e) ? ask_identity(e, ctx) : chain_verdict(e);
    case IDENTITY_ASKED: return SSL_set_retry_verify(e->ssl);
    default: return answered(e, ctx);
  }
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

/* SSL_CTX_set_client_hello_cb(3): the one place where everything may still be
** chosen (context, protocol, session), and where waiting is possible. */
static int on_client_hello (SSL *ssl, int *alert, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL || !e->ask_hello)
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

/* What a server seals in tickets need not be kept: sessions that are known by
** their id alone are told. */
static bool worth_keeping (SSL *ssl) {
  return !SSL_is_server(ssl) || SSL_version(ssl) < TLS1_3_VERSION ||
         (SSL_get_options(ssl) & SSL_OP_NO_TICKET) != 0;
}

/* SSL_CTX_sess_set_new_cb(3): 1 keeps the reference. */
static int on_new_session (SSL *ssl, SSL_SESSION *session) {
  struct tls_engine *e = tls_engine_of(ssl);
  if (e == NULL || !e->want_sessions || !worth_keeping(ssl) ||
      e->session_count == TLS_MAX_SESSIONS)
    return 0;
  e->sessions[e->session_count++] = session;
  e->events |= TLS_EV_SESSION;
  return 1;
}

/* The answer was found at the ClientHello; it is for the id offered there. */
static SSL_SESSION *on_get_session (SSL *ssl, const unsigned char *id, int size,
                                    int *copy) {
  struct tls_engine *e = tls_engine_of(ssl);
  unsigned found;
  *copy = 1; /* OpenSSL takes a reference of its own */
  if (e == NULL || e->offered == NULL)
    return NULL;
  const unsigned char *ours = SSL_SESSION_get_id(e->offered, &found);
  if ((int)found != size || memcmp(ours, id, found) != 0)
    return NULL;
  return e->offered;
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

unsigned tls_hook_psk_server (SSL *ssl, const char *identity,
                              unsigned char *psk, unsigned size) {
  struct tls_engine *e = tls_engine_of(ssl);
  unsigned n = e->psk.server(e->psk.arg, identity, psk, size);
  e->psk_given = n > 0;
  return n;
}

unsigned tls_hook_psk_client (SSL *ssl, const char *hint, char *identity,
                              unsigned identity_size, unsigned char *psk,
                              unsigned size) {
  struct tls_engine *e = tls_engine_of(ssl);
  unsigned n =
      e->psk.client(e->psk.arg, hint, identity, identity_size, psk, size);
  e->psk_given = n > 0;
  return n;
}

/* Another handshake: verify anew. In TLS 1.3 there is none; tickets and new
** keys would look like one. A HelloRequest looks like one that is done at once,
** but what it asks for is still to come. */
static void on_info (const SSL *ssl, int where, int value) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)value;
  if (e == NULL || SSL_version(ssl) >= TLS1_3_VERSION)
    return;
  if (where & SSL_CB_HANDSHAKE_START) {
    e->identity = IDENTITY_UNSEEN;
    e->events |= TLS_EV_RENEGOTIATING;
  }
  if ((where & SSL_CB_HANDSHAKE_DONE) && !SSL_renegotiate_pending(ssl))
    e->events |= TLS_EV_RENEGOTIATED;
}

/* TLS 1.3: the client's Finished ends what ask_certificate() began. */
static void on_message (int written, int version, int type, const void *buf,
                        size_t size, SSL *ssl, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  if (e == NULL)
    return;
#ifndef OPENSSL_NO_SSL_TRACE
  if (e->trace != NULL)
    SSL_trace(written, version, type, buf, size, ssl, e->trace);
#endif
  (void)version, (void)arg;
  if (!e->post_auth || written || type != SSL3_RT_HANDSHAKE || size == 0 ||
      *(const unsigned char *)buf != SSL3_MT_FINISHED)
    return;
  e->post_auth = false;
  e->events |= TLS_EV_RENEGOTIATED;
}

void tls_hooks_watch (struct tls_engine *e) {
  if (e->open && SSL_version(e->ssl) < TLS1_3_VERSION)
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
  SSL_CTX_sess_set_new_cb(ctx, on_new_session);
  SSL_CTX_sess_set_get_cb(ctx, on_get_session);
  SSL_CTX_set_next_protos_advertised_cb(ctx, on_npn_advertise, NULL);
}

void tls_hooks_offer_npn (SSL_CTX *ctx) {
  SSL_CTX_set_next_proto_select_cb(ctx, on_npn_select, NULL);
}
