/*
** engine: one TLS connection as a pure machine, see engine.h.
*/
#include "engine.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/async.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "engine_state.h"
#include "hooks.h"

/* More than the records that tls_engine_write() may leave waiting: beyond it
** only answers to the peer (key updates, say) can grow the out queue, so we
** stop reading until it has taken them. */
#define MAX_UNSENT (256 * 1024)

/* SSL_get_error(3) wants an empty queue. To look first costs a quarter of
** clearing it, which frees sixteen entries, full or not. */
static void clear_errors (void) {
  if (ERR_peek_error() != 0)
    ERR_clear_error();
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

/* What is not sent is not accepted either: that is no error. */
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

static bool set_psk (struct tls_engine *e, const struct tls_engine_options *o) {
  e->psk = o->psk;
  if (o->psk.server != NULL)
    SSL_set_psk_server_callback(e->ssl, tls_hook_psk_server);
  if (o->psk.client != NULL)
    SSL_set_psk_client_callback(e->ssl, tls_hook_psk_client);
  return o->psk_hint == NULL || SSL_use_psk_identity_hint(e->ssl, o->psk_hint);
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

/* SSL_set_retry_verify(3) is a client's; a server waits inside a job of its
** own, ASYNC_start_job(3). Where there are none it asks at the gate. */
static void set_waiting (struct tls_engine *e,
                         const struct tls_engine_options *o) {
  e->ask_verify = o->ask_verify && (!o->server || ASYNC_is_capable());
  if (e->ask_verify && o->server)
    SSL_set_mode(e->ssl, SSL_MODE_ASYNC);
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
  if (!set_alpn(e, o) || !set_npn(e, o) || !set_early(e, o) || !set_psk(e, o))
    return false;
  SSL_set_verify(e->ssl, verify_mode(o), NULL);
  set_waiting(e, o);
  if (o->server) {
    SSL_set_accept_state(e->ssl);
    return true;
  }
  SSL_set_connect_state(e->ssl);
  return set_client(e, o);
}

static void set_wishes (struct tls_engine *e,
                        const struct tls_engine_options *o) {
  e->server = o->server;
  e->reject = o->reject_unauthorized;
  e->ask_hello = o->ask_hello;
  e->want_sessions = o->want_sessions;
  if (o->want_keylog)
    tls_engine_want_keylog(e);
}

struct tls_engine *tls_engine_new (const struct tls_engine_options *options) {
  struct tls_engine *e = calloc(1, sizeof *e);
  if (e == NULL)
    return NULL;
  clear_errors();
  tls_port_init(&e->port, options->pool);
  if (!SSL_CTX_up_ref(options->ctx)) {
    free(e);
    return NULL;
  }
  e->ctx = options->ctx;
  set_wishes(e, options);
  e->verify_result = X509_V_ERR_UNSPECIFIED;
  e->verify_depth = -1;
  if (set_up(e, options))
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

/* What only the handshake needs. */
static void forget_handshake (struct tls_engine *e) {
  X509_free(e->leaf);
  e->leaf = NULL;
  X509_free(e->refused);
  e->refused = NULL;
  free(e->alpn);
  e->alpn = NULL;
  free(e->npn);
  e->npn = NULL;
  tls_hello_free(e->hello);
  e->hello = NULL;
  SSL_SESSION_free(e->offered); /* NULL is allowed */
  e->offered = NULL;
  free(e->ocsp);
  e->ocsp = NULL;
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

/* A job that waits must come to its end, or its stack is lost. */
static void end_job (struct tls_engine *e) {
  e->reject = true;
  tls_engine_identify(e, false, false);
  if (e->ssl != NULL && SSL_waiting_for_async(e->ssl))
    SSL_do_handshake(e->ssl);
  clear_errors();
}

void tls_engine_free (struct tls_engine *e) {
  if (e == NULL)
    return;
  end_job(e);
  SSL_free(e->ssl); /* the BIO with it, before the port */
  SSL_CTX_free(e->ctx);
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

/* OpenSSL says only "certificate verify failed"; the verdict says why. */
static bool peer_was_refused (const struct tls_engine *e) {
  unsigned long entry =
      ERR_peek_last_error(); /* looking for files fails first */
  return ERR_GET_LIB(entry) == ERR_LIB_SSL &&
         ERR_GET_REASON(entry) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
         e->verify_result != X509_V_OK;
}

static void fail_ssl (struct tls_engine *e) {
  bool refused = peer_was_refused(e);
  set_failed(e);
  if (e->error == NULL) {
    ERR_clear_error();
    return;
  }
  tls_error_take(e->error, "ERR_SSL_PROTOCOL_ERROR", "TLS protocol error");
  if (refused)
    tls_error_set(e->error, tls_verify_code(e->verify_result),
                  X509_verify_cert_error_string(e->verify_result));
}

void tls_engine_fail (struct tls_engine *e, const char *code,
                      const char *message) {
  set_failed(e);
  if (e->error != NULL)
    tls_error_set(e->error, code, message);
}

static void fail_cut_off (struct tls_engine *e) {
  set_failed(e);
  if (e->error != NULL)
    tls_error_set(e->error, "ECONNRESET",
                  e->server ? "socket hang up"
                            : "Client network socket disconnected before "
                              "secure TLS connection was established");
}

/* Nothing more to read until the transport brings something. */
static bool cut_off (const struct tls_engine *e) {
  return e->port.eof && tls_port_unread(&e->port) == 0;
}

static bool suspended (const struct tls_engine *e) {
  return e->identity == IDENTITY_ASKED || e->hello_state == HELLO_ASKED;
}

/* The handshake did not finish: does it wait, or has it failed? */
static void stopped_shaking (struct tls_engine *e, int r) {
  switch (SSL_get_error(e->ssl, r)) {
    case SSL_ERROR_WANT_READ:
      if (cut_off(e))
        fail_cut_off(e);
      return;
    case SSL_ERROR_WANT_RETRY_VERIFY: /* TLS_EV_IDENTITY is set */
    case SSL_ERROR_WANT_ASYNC:        /* so it is */
    case SSL_ERROR_WANT_CLIENT_HELLO_CB: /* TLS_EV_HELLO is set */ return;
    default: fail_ssl(e);
  }
}

/* SSL_write_early_data(3) sends the ClientHello with it. */
static bool send_early (struct tls_engine *e) {
  size_t written;
  ERR_clear_error();
  int r = SSL_write_early_data(e->ssl, e->early_data, e->early_size, &written);
  if (r == 1)
    e->early = EARLY_NONE;
  else
    stopped_shaking(e, r);
  return r == 1;
}

static void shake_hands (struct tls_engine *e) {
  if (suspended(e) || (e->early == EARLY_WRITING && !send_early(e)))
    return;
  clear_errors();
  int r = SSL_do_handshake(e->ssl);
  if (r != 1) {
    stopped_shaking(e, r);
    return;
  }
  tls_engine_note_renewal(e);
  e->secure = true;
  e->events |= TLS_EV_SECURE;
}

/* What a client sends before the handshake is done; then the handshake. */
static size_t read_early (struct tls_engine *e, char *plain, size_t room) {
  size_t got = 0, n;
  while (got < room && !suspended(e)) {
    ERR_clear_error();
    int r = SSL_read_early_data(e->ssl, plain + got, room - got, &n);
    got += r == SSL_READ_EARLY_DATA_SUCCESS ? n : 0;
    if (r == SSL_READ_EARLY_DATA_FINISH)
      e->early = EARLY_NONE;
    if (r == SSL_READ_EARLY_DATA_ERROR)
      stopped_shaking(e, -1);
    if (r != SSL_READ_EARLY_DATA_SUCCESS)
      break;
  }
  if (got > 0)
    e->events |= TLS_EV_EARLY;
  return got;
}

static void end_of_data (struct tls_engine *e, bool truncated) {
  e->ended = true;
  e->truncated = truncated;
  e->events |= TLS_EV_EOF;
}

/* SSL_read returned nothing: is it for now, for good, or an error? */
static void stopped_reading (struct tls_engine *e, int r) {
  switch (SSL_get_error(e->ssl, r)) {
    case SSL_ERROR_WANT_READ:
      if (cut_off(e))
        end_of_data(e, true);
      return;
    case SSL_ERROR_WANT_RETRY_VERIFY: /* in a renegotiation */
    case SSL_ERROR_WANT_ASYNC: return;
    case SSL_ERROR_ZERO_RETURN: end_of_data(e, false); return;
    default: fail_ssl(e);
  }
}

/* Would SSL_read() only say so? With SSL_MODE_RELEASE_BUFFERS it makes a buffer
** for that and frees it again: half of what a short record costs. An end has
** to be looked at; a handshake may go on without bytes of the peer's, and one
** that was asked for within a record begins behind it. */
static bool nothing_to_read (const struct tls_engine *e) {
  return tls_port_unread(&e->port) == 0 && !e->port.eof &&
         !SSL_has_pending(e->ssl) && !SSL_in_init(e->ssl) &&
         !SSL_renegotiate_pending(e->ssl);
}

static size_t read_plain (struct tls_engine *e, char *plain, size_t room) {
  size_t got = 0, n;
  while (got < room && tls_bytes_size(&e->port.out) < MAX_UNSENT &&
         !suspended(e) && !nothing_to_read(e)) {
    clear_errors();
    int r = SSL_read_ex(e->ssl, plain + got, room - got, &n);
    if (r != 1) {
      stopped_reading(e, r);
      break;
    }
    got += n;
  }
  return got;
}

unsigned tls_engine_step (struct tls_engine *e, char *plain, size_t room,
                          size_t *got) {
  *got = 0;
  e->stalled = false;
  if (!tls_engine_failed(e)) {
    if (e->early == EARLY_READING && room > 0)
      *got = read_early(e, plain, room);
    if (!e->secure && *got == 0 && e->early != EARLY_READING &&
        !tls_engine_failed(e))
      shake_hands(e);
    if (e->open && !e->ended)
      *got = read_plain(e, plain, room);
  }
  unsigned events = e->events;
  e->events = 0;
  return events;
}

size_t tls_engine_write (struct tls_engine *e, const char *data, size_t n,
                         size_t limit) {
  size_t done = 0, taken;
  if (!tls_engine_writable(e))
    return 0;
  while (done < n && tls_bytes_size(&e->port.out) < limit) {
    clear_errors();
    int r = SSL_write_ex(e->ssl, data + done, n - done, &taken);
    if (r != 1) {
      int why = SSL_get_error(e->ssl, r);
      e->stalled = why == SSL_ERROR_WANT_READ ||
                   why == SSL_ERROR_WANT_RETRY_VERIFY ||
                   why == SSL_ERROR_WANT_ASYNC;
      if (!e->stalled)
        fail_ssl(e);
      break;
    }
    done += taken;
  }
  return done;
}

void tls_engine_shutdown (struct tls_engine *e) {
  if (e->notified || !e->secure || suspended(e) || tls_engine_failed(e))
    return;
  e->notified = true;
  clear_errors();
  if (SSL_shutdown(e->ssl) < 0)
    clear_errors(); /* the FIN that follows ends it all the same */
}

void tls_engine_approve (struct tls_engine *e) {
  if (!e->secure || e->open)
    return;
  e->open = true;
  forget_handshake(e);
  SSL_clear_mode(e->ssl, SSL_MODE_ASYNC);
  tls_hooks_watch(e); /* from now on, another handshake is news */
}

void tls_engine_identify (struct tls_engine *e, bool accepted, bool override) {
  if (e->identity != IDENTITY_ASKED)
    return;
  e->override = override;
  e->identity = accepted ? IDENTITY_ACCEPTED : IDENTITY_REFUSED;
}

bool tls_engine_secure (const struct tls_engine *e) {
  return e->secure;
}

bool tls_engine_writable (const struct tls_engine *e) {
  return e->open && !e->notified && !e->stalled && !suspended(e) &&
         !tls_engine_failed(e);
}

bool tls_engine_truncated (const struct tls_engine *e) {
  return e->truncated;
}

bool tls_engine_failed (const struct tls_engine *e) {
  return e->error != NULL || (e->events & TLS_EV_ERROR) != 0;
}

bool tls_engine_ended (const struct tls_engine *e) {
  return e->ended;
}

const struct tls_error *tls_engine_error (const struct tls_engine *e) {
  return e->error == NULL ? &no_memory : e->error;
}

long tls_engine_verify_result (const struct tls_engine *e) {
  if (e->verify_result == X509_V_ERR_UNSPECIFIED && SSL_session_reused(e->ssl))
    return SSL_get_verify_result(e->ssl); /* as the full handshake left it */
  return e->verify_result;
}

int tls_engine_verify_depth (const struct tls_engine *e) {
  return e->verify_depth;
}

X509 *tls_engine_refused (const struct tls_engine *e) {
  return e->refused != NULL ? e->refused : e->leaf;
}

X509 *tls_engine_peer (const struct tls_engine *e) {
  return e->leaf != NULL ? e->leaf : SSL_get0_peer_certificate(e->ssl);
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
