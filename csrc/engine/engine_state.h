/*
** engine_state: the engine's fields, for the files of this folder.
*/
#ifndef tls_engine_state_h
#define tls_engine_state_h

#include <openssl/err.h>

#include "engine.h"
#include "client_hello.h"

enum client_hello_state {
  CLIENT_HELLO_NOT_SEEN, /* or not asked about */
  CLIENT_HELLO_PENDING,  /* suspended, TLS_EV_CLIENT_HELLO was set */
  CLIENT_HELLO_ANSWERED  /* client_hello_alert says whether it goes on */
};

enum early {
  EARLY_NONE,
  EARLY_READING, /* server */
  EARLY_WRITING  /* client: early_data is to be sent first */
};

struct tls_engine {
  SSL *ssl;     /* owned */
  SSL_CTX *ctx; /* shared; the one it was made with: ticket keys */
  struct tls_peer
      *peer; /* owned; of the last finished handshake; NULL before */
  struct tls_peer
      *next_peer;      /* owned; of the handshake under way, NULL between */
  unsigned generation; /* of the newest of these records */
  unsigned char *alpn; /* owned; server's protocols until it is secure */
  size_t alpn_size;
  unsigned char *npn; /* owned; both sides' protocols, until it is secure */
  size_t npn_size;
  struct tls_client_hello *client_hello; /* owned; server, until it is secure */
  unsigned char *session_context; /* owned; server that asks for a certificate,
                                   until it is secure, see session_context.h */
  SSL_SESSION *offered; /* owned; server: the answer to the client's id;
                           client: what it tries to resume */
  unsigned char *ocsp;  /* owned; server: the response to staple */
  size_t ocsp_size;
  unsigned char *early_data; /* owned; client; cleansed when freed */
  size_t early_data_size;
  SSL_SESSION *sessions[TLS_MAX_SESSIONS]; /* owned */
  size_t session_count;
  char *keylog; /* owned; lines not yet taken, or NULL */
  struct tls_psk psk;
  char *psk_identity; /* owned; a client's own, until it is secure */
  enum client_hello_state client_hello_state;
  int client_hello_alert; /* refuse the ClientHello with it, or 0 */
  enum early early_data_state;
  struct tls_records records; /* borrowed by the SSL's BIO */
  struct tls_error *error;    /* owned; NULL until it failed */
  unsigned events;
  unsigned depth; /* calls of OpenSSL's that are running: 0 or 1 */
  bool server;
  bool reject_unauthorized; /* a peer that does not verify is refused */
  bool want_client_hello, custom_verify, want_sessions, want_keylog;
  BIO *trace;            /* borrowed; where messages are shown, or NULL */
  bool alpn_refused;     /* server: no protocol will do */
  bool write_wants_read; /* writing waits for bytes of the peer's */
  bool renegotiate_due;  /* client: to begin with the next read */
  bool post_auth;        /* a client of TLS 1.3 was asked for a certificate */
  bool secure;           /* the first handshake is finished */
  bool ended;            /* the peer sends no more */
  bool truncated;        /* ... and did not say close_notify */
  bool
      close_notify_due; /* to be sent when the gate opens, or OpenSSL is free */
  bool close_notify_sent; /* nothing is encrypted behind it */
};

/* The engine that an SSL belongs to; NULL before it has its BIO. */
struct tls_engine *tls_engine_of (const SSL *ssl);

/* SSL_get_error(3) wants an empty queue. To read_fields first costs a quarter
*of
** clearing it, which frees sixteen entries, full or not. */
static inline void tls_clear_errors (void) {
  if (ERR_peek_error() != 0)
    ERR_clear_error();
}

/* Every call of OpenSSL's that may run a callback stands between these two.
** False when one is running already: then nothing may be called. */
static inline bool tls_engine_enter (struct tls_engine *e) {
  if (e->depth > 0)
    return false;
  e->depth++;
  tls_clear_errors();
  return true;
}

static inline void tls_engine_leave (struct tls_engine *e) {
  e->depth--;
}

/* The peer of the last handshake has been let in. */
static inline bool tls_gate_open (const struct tls_engine *e) {
  return e->peer != NULL && e->peer->gate_open;
}

static inline bool tls_question_open (const struct tls_engine *e) {
  return e->next_peer != NULL && e->next_peer->question == TLS_QUESTION_OPEN;
}

/* What is known of the peer in the handshake that a question is asked about. */
static inline const struct tls_peer *
tls_current_peer (const struct tls_engine *e) {
  bool under_way = e->next_peer != NULL && e->next_peer->leaf != NULL;
  return e->peer == NULL || under_way ? e->next_peer : e->peer;
}

static inline bool tls_failed (const struct tls_engine *e) {
  return e->error != NULL || (e->events & TLS_EV_ERROR) != 0;
}

/* Neither handshake nor verdict is waited for. */
static inline bool tls_ready (const struct tls_engine *e) {
  return tls_gate_open(e) && e->next_peer == NULL && e->depth == 0 &&
         !tls_failed(e);
}

static inline bool tls_writable (const struct tls_engine *e) {
  return tls_ready(e) && !e->write_wants_read && !e->renegotiate_due &&
         !e->close_notify_due && !e->close_notify_sent;
}

/* The handshake waits for an answer of the owner's. */
static inline bool tls_suspended (const struct tls_engine *e) {
  return tls_question_open(e) || e->client_hello_state == CLIENT_HELLO_PENDING;
}

/* Free what only the first handshake needs. */
void tls_engine_forget_handshake (struct tls_engine *e);

#endif
