/*
** engine: one TLS connection as a pure machine, see engine.h.
*/
#include "engine.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "engine_state.h"
#include "callbacks.h"

bool tls_engine_busy (const struct tls_engine *e) {
  return e->depth > 0;
}

static bool set_alpn (struct tls_engine *e,
                      const struct tls_engine_options *o) {
  if (o->alpn == NULL)
    return true;
  if (!o->server) /* 0 is success here, SSL_set_alpn_protos(3) */
    return SSL_set_alpn_protos(e->ssl, o->alpn, (unsigned)o->alpn_size) == 0;
  e->alpn = malloc(o->alpn_size);
  if (e->alpn == NULL)
    return false;
  memcpy(e->alpn, o->alpn, o->alpn_size);
  e->alpn_size = o->alpn_size;
  return true;
}

static unsigned char *copy (const unsigned char *data, size_t n) {
  unsigned char *to = data == NULL ? NULL : malloc(n + 1);
  if (to != NULL)
    memcpy(to, data, n);
  return to;
}

static bool set_npn (struct tls_engine *e, const struct tls_engine_options *o) {
  if (o->npn != NULL && !o->server)
    tls_hooks_offer_npn(o->ctx);
  e->npn = copy(o->npn, o->npn_size);
  e->npn_size = o->npn_size;
  return o->npn == NULL || e->npn != NULL;
}

/* Early data that the session does not allow is not sent: the socket tells it
** as not accepted, which is no error. */
static bool may_send_early (const struct tls_engine *e,
                            const struct tls_engine_options *o) {
  int max = (int)SSL_get_max_proto_version(e->ssl); /* 0: none */
  return o->session != NULL && o->early_size > 0 &&
         o->early_size <= SSL_SESSION_get_max_early_data(o->session) &&
         (max == 0 || max >= TLS1_3_VERSION);
}

static bool set_early (struct tls_engine *e,
                       const struct tls_engine_options *o) {
  if (o->server) {
    e->early = o->want_early ? EARLY_READING : EARLY_NONE;
    return true;
  }
  if (!may_send_early(e, o))
    return true;
  e->early_data = copy(o->early_data, o->early_size);
  e->early_size = o->early_size;
  e->early = EARLY_WRITING;
  return e->early_data != NULL;
}

/* What a client may ask for in its ClientHello. */
static bool set_client (struct tls_engine *e,
                        const struct tls_engine_options *o) {
  SSL_set_post_handshake_auth(e->ssl, 1);
  /* a server's matter; here it would only refuse what may be resumed */
  if (!SSL_set_session_id_context(e->ssl, (const unsigned char *)"", 0))
    return false;
  if (o->ask_ocsp &&
      !SSL_set_tlsext_status_type(e->ssl, TLSEXT_STATUSTYPE_ocsp))
    return false;
  if (o->session != NULL && !tls_engine_set_session(e, o->session))
    return false;
  return o->servername == NULL ||
         SSL_set_tlsext_host_name(e->ssl, o->servername);
}

static int verify_mode (const struct tls_engine_options *o) {
  if (!o->server)
    return SSL_VERIFY_PEER; /* tls_hook_verify decides */
  if (!o->request_cert)
    return SSL_VERIFY_NONE;
  if (!o->reject_unauthorized)
    return SSL_VERIFY_PEER;
  return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

static bool set_up (struct tls_engine *e, const struct tls_engine_options *o) {
  e->ssl = SSL_new(o->ctx);
  if (e->ssl == NULL)
    return false;
  BIO *bio = tls_bio_new(o->method, &e->port);
  if (bio == NULL)
    return false;
  SSL_set_bio(e->ssl, bio, bio); /* takes over the one reference */
  if (!set_alpn(e, o) || !set_npn(e, o) || !set_early(e, o) ||
      !tls_psk_set(e, o))
    return false;
  SSL_set_verify(e->ssl, verify_mode(o), NULL);
  if (o->want_keylog)
    tls_engine_want_keylog(e);
  if (o->server) {
    SSL_set_accept_state(e->ssl);
    return tls_sessions_set_terms(e, o);
  }
  SSL_set_connect_state(e->ssl);
  return set_client(e, o);
}

static void set_wishes (struct tls_engine *e,
                        const struct tls_engine_options *o) {
  e->server = o->server;
  e->reject = o->reject_unauthorized && (!o->server || o->request_cert);
  e->ask_hello = o->ask_hello;
  e->ask_verify = o->ask_verify;
  e->want_sessions = o->want_sessions;
}

struct tls_engine *tls_engine_new (const struct tls_engine_options *options) {
  struct tls_engine *e = calloc(1, sizeof *e);
  if (e == NULL)
    return NULL;
  tls_clear_errors();
  tls_port_init(&e->port, options->pool);
  if (!SSL_CTX_up_ref(options->ctx)) {
    free(e);
    return NULL;
  }
  e->ctx = options->ctx;
  set_wishes(e, options);
  if (tls_engine_begin_peer(e) && set_up(e, options))
    return e;
  tls_engine_free(e);
  return NULL;
}

/* By its BIO: ex_data would cost each connection a list of its own. */
struct tls_engine *tls_engine_of (const SSL *ssl) {
  BIO *bio = SSL_get_rbio(ssl);
  char *port = bio == NULL ? NULL : BIO_get_data(bio);
  return port == NULL ? NULL
                      : (void *)(port - offsetof(struct tls_engine, port));
}

/* What only the first handshake needs. */
static void forget_handshake (struct tls_engine *e) {
  free(e->alpn);
  e->alpn = NULL;
  free(e->npn);
  e->npn = NULL;
  tls_hello_free(e->hello);
  e->hello = NULL;
  free(e->session_terms);
  e->session_terms = NULL;
  free(e->psk_identity);
  e->psk_identity = NULL;
  SSL_SESSION_free(e->offered); /* NULL is allowed */
  e->offered = NULL;
  free(e->ocsp);
  e->ocsp = NULL;
  if (e->early_data != NULL)
    OPENSSL_cleanse(e->early_data, e->early_size);
  free(e->early_data);
  e->early_data = NULL;
}

static void free_secrets (struct tls_engine *e) {
  SSL_SESSION *session;
  while ((session = tls_engine_take_session(e)) != NULL)
    SSL_SESSION_free(session);
  if (e->keylog != NULL)
    OPENSSL_clear_free(e->keylog, strlen(e->keylog));
}

void tls_engine_free (struct tls_engine *e) {
  if (e == NULL)
    return;
  assert(e->depth == 0); /* OpenSSL would return into freed memory */
  SSL_free(e->ssl);      /* the BIO with it, before the port */
  SSL_CTX_free(e->ctx);
  tls_peer_free(e->peer);
  tls_peer_free(e->next);
  forget_handshake(e);
  free_secrets(e);
  tls_port_clear(&e->port);
  free(e->error);
  free(e);
}

struct tls_port *tls_engine_port (struct tls_engine *e) {
  return &e->port;
}

/* Fallback for the one error that may find no memory for its record. */
static const struct tls_error no_memory = {
    .code = "ERR_MEMORY_ALLOCATION_FAILED", .message = "out of memory"};

static void set_failed (struct tls_engine *e) {
  if (e->error == NULL)
    e->error = calloc(1, sizeof *e->error);
  e->events |= TLS_EV_ERROR;
}

/* OpenSSL says only "certificate verify failed"; the record says why. */
static bool peer_was_refused (const struct tls_engine *e) {
  unsigned long entry =
      ERR_peek_last_error(); /* looking for files fails first */
  return ERR_GET_LIB(entry) == ERR_LIB_SSL &&
         ERR_GET_REASON(entry) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
         tls_peer_fault(tls_engine_peer(e)) != X509_V_OK;
}

void tls_engine_fail_ssl (struct tls_engine *e) {
  bool refused = peer_was_refused(e);
  set_failed(e);
  if (e->error == NULL) {
    ERR_clear_error();
    return;
  }
  tls_error_take(e->error, "ERR_SSL_PROTOCOL_ERROR", "TLS protocol error");
  if (!refused)
    return;
  long fault = tls_peer_fault(tls_engine_peer(e));
  tls_error_set(e->error, tls_verify_code(fault),
                X509_verify_cert_error_string(fault));
}

void tls_engine_fail (struct tls_engine *e, const char *code,
                      const char *message) {
  set_failed(e);
  if (e->error != NULL)
    tls_error_set(e->error, code, message);
}

/* OpenSSL has done what its manual rules out: nothing of it is believed. */
void tls_engine_fail_contract (struct tls_engine *e) {
  tls_engine_fail(e, "ERR_INTERNAL_ASSERTION",
                  "OpenSSL reported more than it was given");
}

void tls_engine_fail_cut_off (struct tls_engine *e) {
  set_failed(e);
  if (e->error != NULL)
    tls_error_set(e->error, "ECONNRESET",
                  e->server ? "socket hang up"
                            : "Client network socket disconnected before "
                              "secure TLS connection was established");
}

/* === the peer's records ================================================ */

bool tls_engine_begin_peer (struct tls_engine *e) {
  struct tls_peer *next = tls_peer_new(++e->generation);
  if (next == NULL) {
    tls_engine_fail(e, no_memory.code, no_memory.message);
    return false;
  }
  tls_peer_free(e->next);
  e->next = next;
  e->renegotiate_due = false;
  if (e->secure)
    tls_port_by_record(&e->port, true);
  return true;
}

/* A resumed session stands for the handshake it was made in: its certificate,
** and what was found about the chain, but no exception that was made then. */
static void set_proof (struct tls_engine *e, struct tls_peer *peer) {
  tls_peer_set_leaf(peer, SSL_get0_peer_certificate(e->ssl));
  if (peer->chain_result == X509_V_ERR_UNSPECIFIED &&
      SSL_session_reused(e->ssl))
    peer->chain_result = SSL_get_verify_result(e->ssl);
  if (peer->leaf != NULL)
    peer->proof = TLS_PROOF_CERTIFICATE;
  else if (tls_psk_won(e, peer))
    peer->proof = TLS_PROOF_PSK;
}

void tls_engine_end_peer (struct tls_engine *e) {
  struct tls_peer *peer = e->next;
  if (peer == NULL || !peer->finished || tls_engine_failed(e))
    return;
  set_proof(e, peer);
  tls_peer_free(e->peer);
  e->peer = peer;
  e->next = NULL;
  tls_port_by_record(&e->port, false);
  if (!e->secure)
    tls_port_count_records(&e->port);
  e->events |= e->secure ? TLS_EV_RENEGOTIATED : TLS_EV_SECURE;
  e->secure = true;
}

const struct tls_peer *tls_engine_peer (const struct tls_engine *e) {
  bool under_way = e->next != NULL && e->next->leaf != NULL;
  return e->peer == NULL || under_way ? e->next : e->peer;
}

unsigned tls_engine_generation (const struct tls_engine *e) {
  if (tls_question_open(e))
    return e->next->generation;
  return e->peer == NULL ? 0 : e->peer->generation;
}

bool tls_engine_identify (struct tls_engine *e, unsigned generation,
                          bool accepted, bool overruled) {
  if (!tls_question_open(e) || e->next->generation != generation)
    return false;
  e->next->overruled = accepted && overruled;
  e->next->question = accepted ? TLS_QUESTION_ACCEPTED : TLS_QUESTION_REFUSED;
  return true;
}

bool tls_engine_judge (struct tls_engine *e, unsigned generation, bool accepted,
                       bool overruled) {
  if (e->peer == NULL || e->peer->generation != generation ||
      e->peer->verdict != TLS_VERDICT_PENDING)
    return false;
  tls_peer_judge(e->peer, accepted, accepted && overruled);
  return true;
}

void tls_engine_approve (struct tls_engine *e, unsigned generation) {
  if (e->peer == NULL || e->peer->generation != generation)
    return;
  tls_peer_judge(e->peer, false, false); /* if nobody has */
  if (e->reject && !tls_peer_authorized(e->peer))
    return;
  e->peer->admitted = true;
  forget_handshake(e);
  tls_hooks_watch(e); /* from now on, another handshake is news */
}

bool tls_engine_authorized (const struct tls_engine *e) {
  return tls_peer_authorized(e->peer);
}

bool tls_engine_secure (const struct tls_engine *e) {
  return e->secure;
}

bool tls_engine_shaking (const struct tls_engine *e) {
  bool under_way = e->next != NULL || e->renegotiate_due;
  return e->secure && under_way && !tls_suspended(e);
}

bool tls_engine_may_update_keys (const struct tls_engine *e) {
  return tls_idle(e) && !e->renegotiate_due && !e->close_notify_due &&
         !e->close_notify_sent;
}

bool tls_engine_idle (const struct tls_engine *e) {
  return tls_engine_may_update_keys(e) && !e->ended;
}

bool tls_engine_stuck (const struct tls_engine *e) {
  return e->ended && e->next != NULL;
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

const struct tls_error *tls_engine_error (const struct tls_engine *e) {
  return e->error == NULL ? &no_memory : e->error;
}

STACK_OF(X509) * tls_engine_peer_chain(const struct tls_engine *e) {
  return SSL_get_peer_cert_chain(e->ssl);
}

X509_STORE *tls_engine_store (const struct tls_engine *e) {
  return SSL_CTX_get_cert_store(SSL_get_SSL_CTX(e->ssl));
}

SSL *tls_engine_ssl (const struct tls_engine *e) {
  return e->ssl;
}
