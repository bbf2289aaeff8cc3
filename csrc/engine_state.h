/*
** engine_state: the engine's fields, for engine.c and hooks.c alone.
*/
#ifndef tls_engine_state_h
#define tls_engine_state_h

#include "engine.h"
#include "hello.h"

enum hello_state {
  HELLO_UNSEEN,  /* or not asked about */
  HELLO_ASKED,   /* suspended, TLS_EV_HELLO was set */
  HELLO_ANSWERED /* hello_alert says whether it goes on */
};

enum early {
  EARLY_NONE,
  EARLY_READING, /* server */
  EARLY_WRITING  /* client: early_data is to be sent first */
};

enum identity {
  IDENTITY_UNSEEN, /* no certificate yet */
  IDENTITY_ASKED,  /* suspended, TLS_EV_IDENTITY was set */
  IDENTITY_ACCEPTED,
  IDENTITY_REFUSED
};

struct tls_engine {
  SSL *ssl;            /* owned */
  SSL_CTX *ctx;        /* shared; the one it was made with: ticket keys */
  X509 *leaf;          /* shared; peer's certificate during the handshake */
  X509 *refused;       /* shared; where the verification failed first */
  unsigned char *alpn; /* owned; server's protocols until it is secure */
  size_t alpn_size;
  unsigned char *npn; /* owned; both sides' protocols, until it is secure */
  size_t npn_size;
  struct tls_hello *hello; /* owned; server, until it is secure */
  SSL_SESSION *offered;    /* owned; server: the answer to the client's id;
                              client: what it tries to resume */
  unsigned char *ocsp;     /* owned; server: the response to staple */
  size_t ocsp_size;
  unsigned char *early_data; /* owned; client */
  size_t early_size;
  SSL_SESSION *sessions[TLS_MAX_SESSIONS]; /* owned */
  size_t session_count;
  char *keylog; /* owned; lines not yet taken, or NULL */
  struct tls_psk psk;
  enum hello_state hello_state;
  int hello_alert; /* refuse the ClientHello with it, or 0 */
  enum early early;
  struct tls_port port;    /* borrowed by the SSL's BIO */
  struct tls_error *error; /* owned; NULL until it failed */
  long verify_result;      /* X509_V_OK or the last error found */
  int verify_depth;        /* where the first error was found, or -1 */
  enum identity identity;
  unsigned events;
  bool server;
  bool reject; /* a peer that does not verify is refused */
  bool ask_hello, ask_verify, want_sessions, want_keylog;
  BIO *trace;        /* borrowed; where messages are shown, or NULL */
  bool psk_given;    /* in this handshake our callback had a key */
  bool override;     /* the verdict on the chain was overruled */
  bool alpn_refused; /* server: no protocol will do */
  bool stalled;      /* writing waits for bytes of the peer's */
  bool post_auth;    /* a certificate was asked for after the handshake */
  bool secure;       /* the handshake is finished */
  bool open;         /* the gate: secure and approved */
  bool ended;        /* the peer sends no more */
  bool truncated;    /* ... and did not say close_notify */
  bool notified;     /* we have sent close_notify */
};

/* The engine that an SSL belongs to; NULL before it has its BIO. */
struct tls_engine *tls_engine_of (const SSL *ssl);

/* Keep the fresh ticket that may come with a resumption, see engine_ask.c. */
void tls_engine_note_renewal (struct tls_engine *e);

#endif
