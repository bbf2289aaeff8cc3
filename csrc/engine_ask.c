/*
** engine_ask: what a connection asks its owner in and after the handshake, and
** what the owner asks of it, see engine.h.
*/
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "engine_state.h"
#include "hooks.h"

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

/* A client that was verified under one name's CAs is not to come back under
** another's with that session: where clients are verified, sessions belong to
** the name and to the certificate that the context shows. */
static bool bind_sessions (struct tls_engine *e, const SSL_CTX *ctx) {
  unsigned char id[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  size_t i;
  const X509 *cert = SSL_CTX_get0_certificate(ctx);
  if ((SSL_get_verify_mode(e->ssl) & SSL_VERIFY_PEER) == 0)
    return true;
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL);
  for (i = 0; ok && e->hello != NULL && i < e->hello->count; i++)
    if (e->hello->types[i] == TLSEXT_TYPE_server_name)
      ok = EVP_DigestUpdate(md, e->hello->bodies[i].data,
                            e->hello->bodies[i].size);
  ok = ok && EVP_DigestFinal_ex(md, id, &n);
  if (ok && cert != NULL) { /* its digest, mixed in */
    unsigned char of_cert[EVP_MAX_MD_SIZE];
    unsigned m = 0;
    ok = X509_digest(cert, EVP_sha256(), of_cert, &m) && m == n;
    for (i = 0; ok && i < n; i++)
      id[i] ^= of_cert[i];
  }
  EVP_MD_CTX_free(md);
  return ok && SSL_set_session_id_context(e->ssl, id, n);
}

/* SSL_set_SSL_CTX() brings certificates, anchors and ciphers; the rest of a
** context's settings were copied when the SSL was made. Its options join those
** that the server has. */
static bool switch_context (SSL *ssl, const struct tls_hello_answer *a) {
  SSL_set_options(ssl, SSL_CTX_get_options(a->ctx));
  return SSL_set_SSL_CTX(ssl, a->ctx) != NULL && narrow_versions(ssl, a->ctx) &&
         SSL_set1_param(ssl, SSL_CTX_get0_param(a->ctx)) &&
         (a->groups == NULL || SSL_set1_groups_list(ssl, a->groups));
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
      (!switch_context(e->ssl, a) || !bind_sessions(e, a->ctx)))
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

bool tls_engine_set_session (struct tls_engine *e, SSL_SESSION *session) {
  if (SSL_set_session(e->ssl, session) != 1 || !SSL_SESSION_up_ref(session))
    return false;
  SSL_SESSION_free(e->offered);
  e->offered = session;
  return true;
}

/* Up to TLS 1.2 OpenSSL tells of no new session when an old one is resumed,
** also when the server replaced its ticket. */
void tls_engine_note_renewal (struct tls_engine *e) {
  SSL_SESSION *now = SSL_get0_session(e->ssl);
  if (e->server || SSL_version(e->ssl) >= TLS1_3_VERSION ||
      !SSL_session_reused(e->ssl) || now == e->offered || now == NULL ||
      e->session_count == TLS_MAX_SESSIONS || !SSL_SESSION_up_ref(now))
    return;
  e->sessions[e->session_count++] = now;
  e->events |= TLS_EV_SESSION;
}

SSL_SESSION *tls_engine_take_session (struct tls_engine *e) {
  if (e->session_count == 0)
    return NULL;
  SSL_SESSION *oldest = e->sessions[0];
  e->session_count--;
  memmove(e->sessions, e->sessions + 1,
          e->session_count * sizeof e->sessions[0]);
  return oldest;
}

char *tls_engine_take_keylog (struct tls_engine *e) {
  char *lines = e->keylog;
  e->keylog = NULL;
  return lines;
}

/* OpenSSL writes the lines for all connections of a context or for none: the
** hook is installed with the first one that wants them. */
void tls_engine_want_sessions (struct tls_engine *e, bool wanted) {
  e->want_sessions = wanted;
}

void tls_engine_want_keylog (struct tls_engine *e) {
  e->want_keylog = true;
  SSL_CTX_set_keylog_callback(e->ctx, tls_hook_keylog);
}

void tls_engine_trace (struct tls_engine *e, BIO *to) {
  e->trace = to;
  tls_hooks_watch(e);
}

/* Up to TLS 1.2 the suite says so; in TLS 1.3 a key looks like a session, and a
** session without a certificate proves nothing: a server that asks for none may
** have the same ticket keys. */
bool tls_engine_by_psk (const struct tls_engine *e) {
  const SSL_CIPHER *cipher = SSL_get_current_cipher(e->ssl);
  if ((e->psk.server == NULL && e->psk.client == NULL) || cipher == NULL ||
      SSL_get0_peer_certificate(e->ssl) != NULL)
    return false;
  return SSL_CIPHER_get_auth_nid(cipher) == NID_auth_psk ||
         (SSL_version(e->ssl) >= TLS1_3_VERSION && e->psk_given &&
          SSL_session_reused(e->ssl));
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

/* SSL_verify_client_post_handshake(3) */
static bool ask_certificate (struct tls_engine *e) {
  e->identity = IDENTITY_UNSEEN;
  e->post_auth = true;
  tls_hooks_watch(e);
  return SSL_verify_client_post_handshake(e->ssl) == 1;
}

static void change_terms (struct tls_engine *e, bool request_cert,
                          bool reject) {
  e->reject = reject;
  SSL_set_verify(e->ssl, mode(request_cert, reject), NULL);
  /* or the old session would be taken up, and no certificate asked for */
  SSL_set_options(e->ssl, SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
  if (e->ask_verify)
    SSL_set_mode(e->ssl, SSL_MODE_ASYNC);
}

/* A server's HelloRequest looks like a handshake that the client has begun. */
static bool begin (struct tls_engine *e) {
  bool ok = SSL_do_handshake(e->ssl) >= 0 || ERR_peek_error() == 0;
  if (e->server)
    e->events &= ~(unsigned)TLS_EV_RENEGOTIATING;
  return ok;
}

bool tls_engine_renegotiate (struct tls_engine *e, bool request_cert,
                             bool reject) {
  ERR_clear_error();
  if (e->identity == IDENTITY_ASKED || tls_engine_failed(e))
    return false;
  if (!e->server)
    return SSL_renegotiate(e->ssl) == 1 && begin(e);
  change_terms(e, request_cert, reject);
  if (request_cert && SSL_version(e->ssl) >= TLS1_3_VERSION)
    return ask_certificate(e) && begin(e);
  return SSL_renegotiate(e->ssl) == 1 && begin(e);
}

bool tls_engine_update_keys (struct tls_engine *e) {
  ERR_clear_error();
  if (tls_engine_failed(e))
    return false;
  return SSL_key_update(e->ssl, SSL_KEY_UPDATE_REQUESTED) == 1 &&
         SSL_do_handshake(e->ssl) == 1;
}
