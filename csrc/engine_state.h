/*
** engine_state: the engine's fields, for engine.c and hooks.c alone.
*/
#ifndef tls_engine_state_h
#define tls_engine_state_h

#include "engine.h"

enum identity {
  IDENTITY_UNSEEN, /* no certificate yet */
  IDENTITY_ASKED,  /* suspended, TLS_EV_IDENTITY was set */
  IDENTITY_ACCEPTED,
  IDENTITY_REFUSED
};

struct tls_engine {
  SSL *ssl;            /* owned */
  X509 *leaf;          /* shared; peer's certificate during the handshake */
  X509 *refused;       /* shared; where the verification failed first */
  unsigned char *alpn; /* owned; server's protocols until it is secure */
  size_t alpn_size;
  struct tls_port port;    /* borrowed by the SSL's BIO */
  struct tls_error *error; /* owned; NULL until it failed */
  long verify_result;      /* X509_V_OK or the last error found */
  int verify_depth;        /* where the first error was found, or -1 */
  enum identity identity;
  unsigned events;
  bool server;
  bool reject;    /* a peer that does not verify is refused */
  bool secure;    /* the handshake is finished */
  bool open;      /* the gate: secure and approved */
  bool ended;     /* the peer sends no more */
  bool truncated; /* ... and did not say close_notify */
  bool notified;  /* we have sent close_notify */
};

#endif
