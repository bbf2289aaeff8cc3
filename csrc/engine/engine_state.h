/*
** engine_state: the engine's fields, for the files of this folder alone.
*/
#ifndef tls_engine_engine_state_h
#define tls_engine_engine_state_h

#include <openssl/err.h>

#include "blob.h"
#include "client_hello.h"
#include "engine.h"

/* How far a server is with asking its owner about the ClientHello. */
enum client_hello_state {
  CLIENT_HELLO_NOT_SEEN,
  CLIENT_HELLO_PENDING, /* suspended, TLS_EV_CLIENT_HELLO was set */
  CLIENT_HELLO_ANSWERED /* client_hello_alert says whether it goes on */
};

enum early_data_state {
  EARLY_DATA_NONE,    /* or no more */
  EARLY_DATA_READING, /* server: the client may still send some */
  EARLY_DATA_WRITING  /* client: it is to be sent with the ClientHello */
};

/* A later handshake that was asked for, and has not begun or been answered. */
enum requested_handshake {
  REQUESTED_NONE,
  REQUESTED_RENEGOTIATION, /* client up to TLS 1.2: the next read begins it */
  REQUESTED_CERTIFICATE    /* server of TLS 1.3: until the client's Finished */
};

/* The peer's direction. */
enum input_state {
  INPUT_OPEN,
  INPUT_CLOSED,   /* by close_notify */
  INPUT_TRUNCATED /* the transport has ended without one */
};

/* The end of our own direction. */
enum close_notify_state {
  CLOSE_NOTIFY_NONE,
  CLOSE_NOTIFY_DUE, /* to be sent when the gate opens, or OpenSSL is free */
  CLOSE_NOTIFY_SENT /* nothing is encrypted after it */
};

/* Whether a fatal alert has ended the connection, and whose. */
enum alert_direction { ALERT_NONE, ALERT_SENT, ALERT_RECEIVED };

struct tls_engine {
  SSL *ssl;              /* owned */
  SSL_CTX *ctx;          /* shared; the one that the engine was made with:
                            its ticket keys and its cache count */
  struct tls_peer *peer; /* owned; of the last finished handshake, or NULL */
  struct tls_peer *next_peer; /* owned; of the handshake under way, or NULL */
  struct tls_records records; /* owned; the SSL's BIO borrows it */
  struct tls_error *error;    /* owned; NULL until the engine has failed, and
                                 when there was no memory for it */
  BIO *trace;              /* borrowed; messages are printed to it; or NULL */
  struct tls_notes *notes; /* owned; NULL unless the owner wants them */
  unsigned generation;     /* of the newest of the two peers */
  unsigned events;         /* not yet reported */

  /* The first handshake alone needs these: tls_engine_forget_handshake(). */
  struct tls_blob alpn;          /* server: its protocols in wire form */
  struct tls_blob npn;           /* both sides: the same */
  struct tls_blob ocsp_response; /* server: what it staples, DER */
  struct tls_blob early_data;    /* client */
  struct tls_blob refused_alpn;  /* server: the client's protocols, when none of
                                    them is acceptable */
  struct tls_client_hello *client_hello; /* owned; server */
  union {
    unsigned char *session_context; /* owned; server that asks for a
                                       certificate: TLS_SESSION_CONTEXT_SIZE
                                       bytes */
    X509 *issuer; /* shared; client that checks OCSP: of the server's
                     certificate, in the chain that has verified; or NULL */
  };
  SSL_SESSION *offered; /* shared; client: what it wants to resume;
                           server: the answer to the client's id */
  char *psk_identity;   /* owned; client */

  SSL_SESSION *sessions[TLS_MAX_SESSIONS]; /* owned; not yet taken */
  size_t session_count;
  SSL_SESSION *taken; /* shared; the last one taken, while others are left */
  char *keylog;       /* owned; lines not yet taken, or NULL */
  struct tls_psk psk;

  enum client_hello_state client_hello_state;
  int client_hello_alert; /* refuse the ClientHello with it, or 0 */
  enum early_data_state early_data_state;
  enum requested_handshake requested;
  enum input_state input;
  enum close_notify_state close_notify;
  enum alert_direction alert_direction;
  unsigned char alert;    /* its number */
  unsigned char ocsp : 2; /* client: enum tls_ocsp_mode */
  bool ocsp_answered : 1; /* server: ocsp_response it is, or none */
  bool ech_required : 1;  /* client: it fails unless its ECH is accepted */
  bool server;
  bool secure;              /* the first handshake has finished */
  bool in_openssl;          /* a call that may run a callback is under way */
  bool write_wants_read;    /* writing waits for bytes of the peer's */
  bool alpn_refused;        /* server: no protocol is acceptable */
  bool reject_unauthorized; /* a peer that does not verify is refused */
  bool ask_verify;          /* the owner decides about the chain */
  bool ask_client_hello, want_sessions, want_keylog;
};

/* The engine that an SSL belongs to; NULL before the SSL has its BIO. */
struct tls_engine *tls_engine_of (const SSL *ssl);

/* Free what only the first handshake needs. */
void tls_engine_forget_handshake (struct tls_engine *e);

/* SSL_get_error(3) wants an empty queue. Looking into it first costs a
** quarter of clearing it, which frees sixteen entries, full or not. */
static inline void tls_clear_errors (void) {
  if (ERR_peek_error() != 0)
    ERR_clear_error();
}

/* Every call of OpenSSL's that may run a callback stands between these two.
** False when one is running already: then nothing may be called. */
static inline bool tls_engine_enter (struct tls_engine *e) {
  if (e->in_openssl)
    return false;
  e->in_openssl = true;
  tls_clear_errors();
  return true;
}

static inline void tls_engine_leave (struct tls_engine *e) {
  e->in_openssl = false;
}

static inline bool tls_gate_open (const struct tls_engine *e) {
  return e->peer != NULL && e->peer->gate_open;
}

/* A client waits for tls_engine_answer_verify(). */
static inline bool tls_question_open (const struct tls_engine *e) {
  return e->next_peer != NULL && e->next_peer->question == TLS_QUESTION_OPEN;
}

/* The handshake waits for an answer of the owner's. */
static inline bool tls_suspended (const struct tls_engine *e) {
  return tls_question_open(e) || e->client_hello_state == CLIENT_HELLO_PENDING;
}

/* What tls_engine_peer() returns: the peer of the first handshake; of a later
** one that is under way, once its certificate is known; or else of the last
** one that has finished. Never NULL. */
static inline const struct tls_peer *
tls_current_peer (const struct tls_engine *e) {
  bool under_way = e->next_peer != NULL && tls_peer_has_shown(e->next_peer);
  return e->peer == NULL || under_way ? e->next_peer : e->peer;
}

static inline bool tls_failed (const struct tls_engine *e) {
  return e->error != NULL || (e->events & TLS_EV_ERROR) != 0;
}

/* Neither a handshake nor a verdict is waited for. */
static inline bool tls_ready (const struct tls_engine *e) {
  return tls_gate_open(e) && e->next_peer == NULL && !e->in_openssl &&
         !tls_failed(e);
}

/* The same, and neither a renegotiation nor our close_notify comes first. */
static inline bool tls_may_send (const struct tls_engine *e) {
  return tls_ready(e) && e->requested != REQUESTED_RENEGOTIATION &&
         e->close_notify == CLOSE_NOTIFY_NONE;
}

static inline bool tls_writable (const struct tls_engine *e) {
  return tls_may_send(e) && !e->write_wants_read;
}

#endif
