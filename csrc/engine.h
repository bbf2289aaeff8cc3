/*
** engine: one TLS connection as a pure machine. Records and plaintext in and
** out, event bits as the answer. No I/O, no Lua, no clock; it never calls up.
**
** The gate: no plaintext goes up and none is encrypted before the handshake is
** finished *and* tls_engine_approve() was called. Forgetting it hangs the
** connection; it never leaks.
*/
#ifndef tls_engine_h
#define tls_engine_h

#include <openssl/ssl.h>

#include "bio.h"
#include "sslerr.h"

struct tls_engine;

/* What a step found. Data comes first, then EOF, then ERROR. */
enum tls_event {
  TLS_EV_IDENTITY = 1, /* suspended until tls_engine_identify() */
  TLS_EV_SECURE = 2,   /* handshake finished; the gate is still shut */
  TLS_EV_EOF = 4,      /* the peer sends no more: close_notify or FIN */
  TLS_EV_ERROR = 8     /* dead; see tls_engine_error() */
};

struct tls_engine_options {
  SSL_CTX *ctx;              /* shared: the engine takes a reference */
  const BIO_METHOD *method;  /* borrowed; outlives the engine */
  struct tls_pool *pool;     /* borrowed; outlives the engine */
  const char *servername;    /* client: SNI, or NULL; copied */
  const unsigned char *alpn; /* wire form, or NULL; copied */
  size_t alpn_size;
  bool server;
  bool request_cert;        /* server: ask the client for a certificate */
  bool reject_unauthorized; /* refuse a peer that does not verify */
};

/* NULL when OpenSSL refuses; its error queue says why. */
struct tls_engine *tls_engine_new (const struct tls_engine_options *options);
void tls_engine_free (struct tls_engine *e); /* NULL is allowed */

/* The records: feed them to, and take them from, this port. */
struct tls_port *tls_engine_port (struct tls_engine *e);

/* Run OpenSSL: the handshake, then records into 'plain' (at most 'room' bytes,
** '*got' of them written). Returns and forgets the event bits collected. When
** '*got' == 'room' there may be more: step again. */
unsigned tls_engine_step (struct tls_engine *e, char *plain, size_t room,
                          size_t *got);

/* Encrypt from 'data' until all is done or 'limit' bytes wait in the out
** queue. Returns how many bytes were taken; 0 while the gate is shut. */
size_t tls_engine_write (struct tls_engine *e, const char *data, size_t n,
                         size_t limit);

/* Queue our close_notify, once. Reading goes on (RFC 8446, 6.1). */
void tls_engine_shutdown (struct tls_engine *e);

/* Open the gate: the peer is who it should be. */
void tls_engine_approve (struct tls_engine *e);

/* Answer TLS_EV_IDENTITY. A refusal ends the handshake with the alert
** bad_certificate when reject_unauthorized is set. */
void tls_engine_identify (struct tls_engine *e, bool accepted);

bool tls_engine_secure (const struct tls_engine *e);    /* handshake done */
bool tls_engine_writable (const struct tls_engine *e);  /* the gate is open */
bool tls_engine_truncated (const struct tls_engine *e); /* FIN, no notify */
bool tls_engine_failed (const struct tls_engine *e);
bool tls_engine_ended (const struct tls_engine *e); /* EOF was reported */

const struct tls_error *tls_engine_error (const struct tls_engine *e);

/* Why the peer's chain did not verify (X509_V_ERR_), or X509_V_OK. Before a
** certificate was seen, X509_V_ERR_UNSPECIFIED. */
long tls_engine_verify_result (const struct tls_engine *e);

/* Where in the chain that was: 0 is the leaf, -1 unknown. */
int tls_engine_verify_depth (const struct tls_engine *e);

/* The certificate at which the verification failed first. Borrowed; NULL when
** none is known. */
X509 *tls_engine_refused (const struct tls_engine *e);

/* The peer's certificate, also while its verification is under way.
** Borrowed; NULL when there is none. */
X509 *tls_engine_peer (const struct tls_engine *e);

/* The peer's chain as it was sent (a server's view lacks the leaf). */
STACK_OF(X509) * tls_engine_peer_chain(const struct tls_engine *e);

/* The anchors that the peer is verified against. Borrowed. */
X509_STORE *tls_engine_store (const struct tls_engine *e);

SSL *tls_engine_ssl (const struct tls_engine *e); /* for questions only */

#endif
