/*
** engine: one TLS connection as a pure machine. Records and plaintext in and
** out, event bits as the answer. No I/O, no Lua, no clock; it never calls up.
**
** The gate: no plaintext goes up and none is encrypted before a handshake, the
** first or a later one, is finished *and* tls_engine_approve() was called for
** it. Forgetting it hangs the connection; it never leaks.
**
** Every question about the peer has the generation of its handshake, and so has
** the answer: one that is meant for an earlier handshake does nothing.
**
** Pre-shared keys are the one case where OpenSSL calls code of the owner's.
** While it does (tls_engine_busy) the engine must not be freed, and every
** function here that would call OpenSSL again does nothing instead.
*/
#ifndef tls_engine_h
#define tls_engine_h

#include <openssl/ssl.h>

#include "record_bio.h"
#include "peer.h"
#include "openssl_error.h"

struct tls_engine;

/* Sessions that are kept until they are taken. TLS 1.3 servers send two. */
#define TLS_MAX_SESSIONS 4

/* What a step found. Data comes first, then EOF, then ERROR. */
enum tls_event {
  TLS_EV_VERIFY = 1, /* suspended until tls_engine_answer_verify() */
  TLS_EV_SECURE = 2, /* handshake finished; the gate is still shut */
  TLS_EV_EOF = 4,    /* the peer sends no more: close_notify or FIN */
  TLS_EV_ERROR = 8,  /* dead; see tls_engine_error() */
  TLS_EV_CLIENT_HELLO =
      16,              /* suspended until tls_engine_answer_client_hello() */
  TLS_EV_OCSP = 32,    /* client: see tls_engine_ocsp_response() */
  TLS_EV_SESSION = 64, /* see tls_engine_take_session() */
  TLS_EV_KEYLOG = 128, /* see tls_engine_take_keylog() */
  TLS_EV_EARLY_DATA = 256,    /* this step's plaintext is early data */
  TLS_EV_RENEGOTIATING = 512, /* another handshake has begun (up to TLS 1.2) */
  TLS_EV_RENEGOTIATED = 1024  /* ... has finished, or a client of TLS 1.3 has
                                 answered: the gate is shut again */
};

/* The one thing that OpenSSL cannot suspend: these may enter Lua from its
** stack. 'arg' is the owner's; each returns the size of the key, or 0. A
** client's identity is any bytes. */
struct tls_psk {
  unsigned (*server)(void *arg, const char *identity, size_t identity_size,
                     unsigned char *psk, unsigned size);
  unsigned (*client)(void *arg, const char *hint, char *identity,
                     unsigned identity_size, unsigned char *psk, unsigned size);
  void *arg; /* borrowed; outlives the engine */
};

/* What a server makes of a ClientHello. All is borrowed and copied, or gets a
** reference. */
struct tls_client_hello_answer {
  SSL_CTX *ctx;              /* to go on with, or NULL */
  const char *groups;        /* its list of groups, or NULL */
  const unsigned char *alpn; /* wire form; replaces what there was */
  size_t alpn_size;
  const unsigned char *ocsp; /* DER */
  size_t ocsp_size;
  SSL_SESSION *session; /* for the id that was offered */
  int alert;            /* refuse, or 0 */
  bool alpn_refused;
};

struct tls_engine_options {
  SSL_CTX *ctx;                 /* shared: the engine takes a reference */
  const BIO_METHOD *method;     /* borrowed; outlives the engine */
  struct tls_buffer_pool *pool; /* borrowed; outlives the engine */
  const char *servername;       /* client: SNI, or NULL; copied */
  const unsigned char *alpn;    /* wire form, or NULL; copied */
  size_t alpn_size;
  const unsigned char *npn; /* wire form, or NULL; copied */
  size_t npn_size;
  const unsigned char *early_data; /* client, or NULL; copied */
  size_t early_data_size;
  SSL_SESSION *session; /* client: to be resumed; gets a reference */
  struct tls_psk psk;   /* unused ones are NULL */
  const char *psk_hint; /* server, or NULL */
  bool server;
  bool want_client_hello; /* server: suspend at the ClientHello */
  bool custom_verify; /* the user has the last word on the chain: a client is
                      asked about bad ones too, a server leaves all to the gate
                    */
  bool request_ocsp;  /* client: ask for a stapled response */
  bool want_sessions, want_keylog, want_early_data; /* server: early data */
  bool request_cert;        /* server: ask the client for a certificate */
  bool reject_unauthorized; /* refuse a peer that does not verify */
};

/* NULL when OpenSSL refuses; its error queue says why. */
struct tls_engine *tls_engine_new (const struct tls_engine_options *options);
void tls_engine_free (struct tls_engine *e); /* NULL is allowed */

/* The records: feed them to, and take them from, this port. */
struct tls_records *tls_engine_records (struct tls_engine *e);

/* Run OpenSSL: the handshake, then records into 'plain' (at most 'room' bytes,
** '*got' of them written). Returns and forgets the event bits collected. When
** '*got' == 'room', or it was some and tls_engine_renegotiating(), there may be
*more:
** step again. */
unsigned tls_engine_step (struct tls_engine *e, char *plain, size_t room,
                          size_t *got);

/* Encrypt from 'data' until all is done or 'limit' bytes wait in the out
** queue. Returns how many bytes were taken; 0 while the gate is shut. */
size_t tls_engine_write (struct tls_engine *e, const char *data, size_t n,
                         size_t limit);

/* Queue our close_notify, once: at once, or when the handshake that is under
** way is done and approved. Reading goes on (RFC 8446, 6.1). */
void tls_engine_shutdown (struct tls_engine *e);
bool tls_engine_shutting_down (const struct tls_engine *e); /* still to come */

/* The handshake that a question is asked about now: the one that is suspended,
** else the last that has finished. */
unsigned tls_engine_generation (const struct tls_engine *e);

/* Answer TLS_EV_VERIFY. A refusal ends the handshake with the alert
** bad_certificate when reject_unauthorized is set; 'override' accepts a chain
** that does not verify. False when this question is not open. */
bool tls_engine_answer_verify (struct tls_engine *e, unsigned generation,
                               bool accepted, bool override);

/* Give the verdict on a finished handshake, as above. False when it is not the
** last one, or has got its verdict. */
bool tls_engine_set_verdict (struct tls_engine *e, unsigned generation,
                             bool accepted, bool override);

/* Open the gate behind a finished handshake. A peer that was not judged is
** let in as a stranger. */
void tls_engine_approve (struct tls_engine *e, unsigned generation);

/* Has the peer shown who it is in the latest finished handshake, and was that
** accepted? */
bool tls_engine_authorized (const struct tls_engine *e);

/* What is known of the peer in the handshake that a question is asked about.
** Borrowed, until the engine is called again; never NULL. */
const struct tls_peer *tls_engine_peer (const struct tls_engine *e);

/* The ClientHello of TLS_EV_CLIENT_HELLO. Borrowed, until the gate is opened.
 */
const struct tls_client_hello *
tls_engine_client_hello (const struct tls_engine *e);
bool tls_engine_client_hello_pending (const struct tls_engine *e);

/* Answer TLS_EV_CLIENT_HELLO. False when memory is out. */
bool tls_engine_answer_client_hello (
    struct tls_engine *e, const struct tls_client_hello_answer *answer);

/* Client: the session to resume; gets a reference. One that proves nothing
** about the server may be left out: a full handshake follows then. False when
** OpenSSL refuses, or the handshake has begun. */
bool tls_engine_set_session (struct tls_engine *e, SSL_SESSION *session);

/* The oldest session not taken yet, or NULL. Yours. */
SSL_SESSION *tls_engine_take_session (struct tls_engine *e);

/* Whether sessions that come from now on are kept for that. */
void tls_engine_want_sessions (struct tls_engine *e, bool wanted);

/* Lines for NSS's key log, or NULL. Yours: OPENSSL_clear_free(strlen). */
char *tls_engine_take_keylog (struct tls_engine *e);
void tls_engine_want_keylog (struct tls_engine *e);

/* Show each message in 'to', which outlives the engine: SSL_trace(3). */
void tls_engine_trace (struct tls_engine *e, BIO *to);

/* The stapled response, or NULL. Borrowed. */
const unsigned char *tls_engine_ocsp_response (const struct tls_engine *e,
                                               size_t *n);

/* May another handshake be asked for now? Not while one is under way, is asked
** for, or waits for its verdict; nor behind the end of either direction. */
bool tls_engine_may_renegotiate (const struct tls_engine *e);

/* Ask for another handshake: up to TLS 1.2 a renegotiation, on a server of TLS
** 1.3 the client's certificate. False when OpenSSL refuses; its queue says why,
** and nothing has changed. */
bool tls_engine_renegotiate (struct tls_engine *e, bool request_cert,
                             bool reject);

/* May the keys be changed now? As above, but for the peer's end. */
bool tls_engine_may_update_keys (const struct tls_engine *e);

/* New keys in both directions (TLS 1.3). */
bool tls_engine_update_keys (struct tls_engine *e);

/* The caller's own reason to end it: for TLS_EV_ERROR. */
void tls_engine_fail (struct tls_engine *e, const char *code,
                      const char *message);

/* OpenSSL is running, and has called its owner: see above. */
bool tls_engine_busy (const struct tls_engine *e);

bool tls_engine_secure (const struct tls_engine *e); /* handshake done */
bool tls_engine_renegotiating (
    const struct tls_engine *e); /* a later one runs */
bool tls_engine_handshake_cut_off (
    const struct tls_engine *e);                        /* ... and never ends */
bool tls_engine_writable (const struct tls_engine *e);  /* the gate is open */
bool tls_engine_truncated (const struct tls_engine *e); /* FIN, no notify */
bool tls_engine_failed (const struct tls_engine *e);
bool tls_engine_ended (const struct tls_engine *e); /* EOF was reported */

const struct tls_error *tls_engine_error (const struct tls_engine *e);

/* The peer's chain as it was sent (a server's view lacks the leaf). */
STACK_OF(X509) * tls_engine_peer_chain(const struct tls_engine *e);

/* The anchors that the peer is verified against. Borrowed. */
X509_STORE *tls_engine_trust_store (const struct tls_engine *e);

SSL *tls_engine_ssl (const struct tls_engine *e); /* for questions only */

#endif
