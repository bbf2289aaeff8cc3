/*
** engine: one TLS connection as a pure machine. Its owner feeds it the records
** that arrive, lets it step, and gets plaintext, records to send, and events
** as bits. The engine does no I/O, reads no clock but for the age of sessions,
** knows neither Lua nor libuv, and never calls its owner (but for pre-shared
** keys).
**
** Questions. Where OpenSSL wants a decision, the handshake is suspended and an
** event says so; the owner answers and steps again. What is known of the peer
** in one handshake, the first or a later one, is one 'struct tls_peer' with a
** generation. Each answer names the generation that it is for, and does
** nothing when that handshake is over.
**
** The gate. No plaintext passes, in or out, until the handshake has finished
** and tls_engine_approve() was called for it; each later handshake shuts the
** gate again. An owner that forgets to approve hangs the connection; nothing
** leaks.
**
** Pre-shared keys. OpenSSL cannot wait for them, so it calls functions of the
** owner's. While they run (tls_engine_busy) the engine must not be freed, and
** every function here that may make OpenSSL call back does nothing.
**
** The functions stand in the files of this folder by their subject: setup,
** step, read, write, handshake, gate, client_hello_callback, sessions, keylog,
** ocsp_stapling, handshake_control, handshake_watch, notes, settings, failure,
** status.
*/
#ifndef tls_engine_engine_h
#define tls_engine_engine_h

#include <openssl/ssl.h>

#include "ech.h"
#include "openssl_error.h"
#include "peer.h"
#include "record_bio.h"

struct tls_engine;

/* New sessions that are kept until the owner takes them. Servers of TLS 1.3
** send two; the option numTickets takes no more than this. */
#define TLS_MAX_SESSIONS 4

/* What a step has found. The owner handles the data first, then EOF, then
** ERROR. */
enum tls_event {
  TLS_EV_VERIFY = 1,          /* client: suspended until
                                 tls_engine_answer_verify() */
  TLS_EV_SECURE = 2,          /* the first handshake has finished; the gate is
                                 still shut */
  TLS_EV_EOF = 4,             /* the peer sends no more: close_notify, or the
                                 end of the transport */
  TLS_EV_ERROR = 8,           /* it has failed; see tls_engine_error() */
  TLS_EV_CLIENT_HELLO = 16,   /* server: suspended until
                                 tls_engine_answer_client_hello() */
  TLS_EV_OCSP = 32,           /* client: see tls_engine_ocsp_response() */
  TLS_EV_SESSION = 64,        /* see tls_engine_take_session() */
  TLS_EV_KEYLOG = 128,        /* see tls_engine_take_keylog() */
  TLS_EV_EARLY_DATA = 256,    /* server: this step's plaintext is early data */
  TLS_EV_RENEGOTIATING = 512, /* a later handshake has begun (up to TLS 1.2) */
  TLS_EV_RENEGOTIATED = 1024, /* a later handshake has finished, or a client of
                                 TLS 1.3 has sent its certificate: the gate is
                                 shut again */
  TLS_EV_NOTES = 2048         /* see tls_engine_take_note() */
};

/* Functions of the owner's for pre-shared keys; unused ones are NULL. They
** may enter Lua. Each writes the key to 'psk' and returns its size, or 0. An
** identity that a client sends is any bytes. */
struct tls_psk {
  unsigned (*server)(void *arg, const char *identity, size_t identity_size,
                     unsigned char *psk, unsigned size);
  unsigned (*client)(void *arg, const char *hint, char *identity,
                     unsigned identity_size, unsigned char *psk, unsigned size);
  void *arg; /* borrowed; outlives the engine */
};

/* A message that has come or was sent, for those who look at the steps of a
** connection: an alert, a ClientHello of ours, the peer's Certificate, a
** CertificateRequest, a KeyUpdate. */
struct tls_note {
  bool is_alert;
  bool sent;  /* by this side */
  int number; /* RFC 8446: the alert (6), or the type of the message (4) */
  bool fatal; /* the alert is */
};

/* A server's answer to a ClientHello. The engine copies what it is given, or
** takes a reference. */
struct tls_client_hello_answer {
  SSL_CTX *ctx;              /* to go on with, or NULL */
  const char *groups;        /* that context's list of groups, or NULL */
  const unsigned char *alpn; /* wire form, instead of the options'; or NULL */
  size_t alpn_size;
  const unsigned char *ocsp; /* the response to staple, DER, or NULL */
  size_t ocsp_size;
  bool ocsp_answered;   /* that one or none: not the context's own staple */
  SSL_SESSION *session; /* for the id that was offered, or NULL */
  int alert;            /* refuse with this alert, or 0 */
  bool alpn_refused;    /* no protocol is acceptable: no_application_protocol */
};

/* Whether a client looks at the stapled OCSP response. */
enum tls_ocsp_mode {
  TLS_OCSP_IGNORE,
  TLS_OCSP_CHECK,  /* one that is there has to be good */
  TLS_OCSP_REQUIRE /* and there has to be one */
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
  const unsigned char *early_data; /* client: or NULL; copied */
  size_t early_data_size;
  const unsigned char
      *ech_config; /* client: an ECHConfigList, or NULL; copied */
  size_t ech_config_size;
  const char
      *ech_outer_name;  /* client: instead of the list's, or NULL; copied */
  SSL_SESSION *session; /* client: to be resumed, or NULL; shared */
  struct tls_psk psk;
  const char *psk_hint; /* server: or NULL; copied */
  bool server;
  bool ech_grease;         /* client: pretend to use ECH */
  bool ask_client_hello;   /* server: suspend at the ClientHello */
  bool read_early_data;    /* server: read early data */
  bool want_sessions;      /* keep new sessions for tls_engine_take_session() */
  bool want_keylog;        /* keep lines for tls_engine_take_keylog() */
  bool request_ocsp;       /* client: ask for a stapled response */
  enum tls_ocsp_mode ocsp; /* client: what is asked of it */
  bool request_cert;       /* server: ask the client for a certificate */
  bool reject_unauthorized; /* refuse a peer that does not verify */
  bool ask_verify; /* the owner decides about the chain in the end: a client
                      asks about failed ones too, a server refuses none
                      before the gate */
};

/* === making and freeing ================================================ */

/* NULL when OpenSSL refuses; its error queue says why. */
struct tls_engine *tls_engine_new (const struct tls_engine_options *options);
void tls_engine_free (struct tls_engine *e); /* NULL is allowed */

/* === records and plaintext ============================================= */

/* The records: feed received ones, and send those of the queue 'out'. */
struct tls_records *tls_engine_records (struct tls_engine *e);

/* Would the next step go on with the first handshake? Not its beginning by a
** client, nor while it is suspended. */
bool tls_engine_handshake_due (struct tls_engine *e);

/* Nothing was sent yet: the peer's first bytes were not read, or the
** ClientHello was, and its question was answered, without an alert. */
bool tls_engine_hello_unanswered (const struct tls_engine *e);

/* Server: is the next step one that signs, or decrypts with the private key;
** is all there that it reads; and does it call nobody but the engine? It may
** run on another thread then, see threads.h. */
bool tls_engine_signs_next (struct tls_engine *e);

/* Go on with the handshake, then decrypt into 'plain': at most 'room' bytes,
** '*got' of them were written. Returns the event bits since the last step.
** When '*got' == 'room', after early data, or when there was data and
** tls_engine_renegotiating(), there may be more: step again. */
unsigned tls_engine_step (struct tls_engine *e, char *plain, size_t room,
                          size_t *got);

/* Encrypt from 'data' until all of it is taken, or 'limit' bytes of records
** wait to be sent. Returns how many bytes were taken; 0 while the gate is
** shut. */
size_t tls_engine_write (struct tls_engine *e, const char *data, size_t n,
                         size_t limit);

/* Queue our close_notify, once: now, or when the handshake that is under way
** has finished and its gate is open. Reading goes on (RFC 8446, 6.1). */
void tls_engine_shutdown (struct tls_engine *e);
bool tls_engine_shutting_down (const struct tls_engine *e); /* still to come */

/* === the peer and the gate ============================================= */

/* What is known of the peer in the handshake that is suspended, or else in
** the last one that has finished. Borrowed until the engine is called again;
** never NULL. */
const struct tls_peer *tls_engine_peer (const struct tls_engine *e);
unsigned tls_engine_generation (const struct tls_engine *e); /* 0: none yet */

/* The peer's chain as it was sent; a server's lacks the leaf. Borrowed, or
** NULL. */
STACK_OF(X509) * tls_engine_peer_chain(const struct tls_engine *e);

/* The anchors that the peer is verified with. Borrowed. */
X509_STORE *tls_engine_trust_store (const struct tls_engine *e);

/* Answer TLS_EV_VERIFY. 'override' accepts a chain that does not verify. A
** refusal ends the handshake with the alert bad_certificate when
** reject_unauthorized is set. False when no such question is open. */
bool tls_engine_answer_verify (struct tls_engine *e, unsigned generation,
                               bool accepted, bool override);

/* Accept or refuse the peer of a handshake that has finished, as above. False
** when it is not the last one, or has its verdict already. */
bool tls_engine_set_verdict (struct tls_engine *e, unsigned generation,
                             bool accepted, bool override);

/* Open the gate after a handshake. A peer without a verdict is refused: with
** reject_unauthorized the gate stays shut, otherwise it passes without
** authorization. */
void tls_engine_approve (struct tls_engine *e, unsigned generation);

/* Has the peer of the last finished handshake shown who it is, and was it
** accepted? */
bool tls_engine_authorized (const struct tls_engine *e);

/* === the ClientHello =================================================== */

/* The ClientHello of TLS_EV_CLIENT_HELLO, or NULL. Borrowed, until the gate
** is opened. */
const struct tls_client_hello *
tls_engine_client_hello (const struct tls_engine *e);
bool tls_engine_client_hello_pending (const struct tls_engine *e);

/* Answer it. False when OpenSSL refuses something, or there is no memory: then
** the question stays open. */
bool tls_engine_answer_client_hello (
    struct tls_engine *e, const struct tls_client_hello_answer *answer);

/* === new sessions, key log, OCSP response ============================== */

/* The oldest new session that was not taken yet, or NULL. The caller's. */
SSL_SESSION *tls_engine_take_session (struct tls_engine *e);

/* The session of this connection, or NULL. Borrowed. When one read brings
** several, each of them is it until the next one is taken: the owner asks
** for it while it tells of that one. */
SSL_SESSION *tls_engine_session (const struct tls_engine *e);

/* Lines of the key log, or NULL. The caller's: OPENSSL_clear_free() of
** strlen() bytes. */
char *tls_engine_take_keylog (struct tls_engine *e);

/* SSL_CTX_set_keylog_callback(3): keeps the lines of connections that want
** them. An owner that gives a context a callback of its own calls it there. */
void tls_engine_on_keylog (const SSL *ssl, const char *line);

/* Client: the stapled response, or NULL. Borrowed. */
const unsigned char *tls_engine_ocsp_response (const struct tls_engine *e,
                                               size_t *n);

/* === settings ========================================================== */

/* Whether new sessions are kept from now on. */
void tls_engine_want_sessions (struct tls_engine *e, bool wanted);

void tls_engine_want_keylog (struct tls_engine *e);

/* Print each message to 'to', which is borrowed and outlives the engine, by
** SSL_trace(3). */
void tls_engine_trace (struct tls_engine *e, BIO *to);

/* Note messages for tls_engine_take_note() from now on. Before the handshake:
** a server also suspends at the ClientHello. Without memory there are none. */
void tls_engine_want_notes (struct tls_engine *e);

/* The oldest note that was not taken yet. False when there is none. */
bool tls_engine_take_note (struct tls_engine *e, struct tls_note *note);

/* Client: the session to resume; gets a reference. A session without a
** certificate is left out when reject_unauthorized is set, and with a
** tls_ocsp_mode one whose handshake was not checked as strictly: a full
** handshake follows. False when OpenSSL refuses it, or the handshake has begun.
*/
bool tls_engine_set_session (struct tls_engine *e, SSL_SESSION *session);

/* Client: the name of SNI. False once the handshake has begun. */
bool tls_engine_set_servername (struct tls_engine *e, const char *name);

/* Show this certificate from now on; gets references. False while the engine
** is busy, or when OpenSSL refuses it; its queue says why. */
bool tls_engine_set_key_cert (struct tls_engine *e, X509 *cert, EVP_PKEY *key,
                              STACK_OF(X509) * chain);

/* The largest plaintext of one record. False when it is out of range. */
bool tls_engine_set_max_send_fragment (struct tls_engine *e, long size);

/* === later handshakes, and new keys ==================================== */

/* May another handshake be asked for now? Not while one is under way, is
** asked for, or waits for its verdict; nor when either direction has ended. */
bool tls_engine_may_renegotiate (const struct tls_engine *e);

/* Ask for another handshake: up to TLS 1.2 a renegotiation, on a server of
** TLS 1.3 the client's certificate. False when OpenSSL refuses; its queue
** says why, and nothing has changed. */
bool tls_engine_renegotiate (struct tls_engine *e, bool request_cert,
                             bool reject);

/* A later handshake is under way, or about to begin, and is not suspended. */
bool tls_engine_renegotiating (const struct tls_engine *e);

/* The peer has ended its direction within a later handshake, which therefore
** never finishes. */
bool tls_engine_handshake_cut_off (const struct tls_engine *e);

/* May the keys be changed now? As above, but the peer's end does not
** matter. */
bool tls_engine_may_update_keys (const struct tls_engine *e);

/* New keys in both directions (TLS 1.3). False as above. */
bool tls_engine_update_keys (struct tls_engine *e);

/* === failing =========================================================== */

/* End the connection for a reason of the owner's; TLS_EV_ERROR reports it. */
void tls_engine_fail (struct tls_engine *e, const char *code,
                      const char *message);

/* Why it has failed. Borrowed; not to be called before. */
const struct tls_error *tls_engine_error (const struct tls_engine *e);

/* For the message about a failure: the first bytes that were received,
** TLS_FIRST_BYTES at most; and on a server that has found none of the client's
** protocols acceptable, these in wire form, or NULL. Borrowed. */
const char *tls_engine_first_bytes (const struct tls_engine *e, size_t *n);
const unsigned char *tls_engine_refused_alpn (const struct tls_engine *e,
                                              size_t *n);

/* The versions that the connection may have, as numbers of TLS; 0 is no
** bound. */
void tls_engine_version_range (const struct tls_engine *e, int *min, int *max);

/* === queries of the state ============================================== */

bool tls_engine_busy (const struct tls_engine *e);   /* OpenSSL is running */
bool tls_engine_secure (const struct tls_engine *e); /* the first handshake has
                                                        finished */
bool tls_engine_writable (const struct tls_engine *e);
bool tls_engine_ended (const struct tls_engine *e);     /* TLS_EV_EOF was set */
bool tls_engine_truncated (const struct tls_engine *e); /* ... and there was no
                                                           close_notify */
bool tls_engine_failed (const struct tls_engine *e);

/* === queries of what was negotiated ==================================== */

/* For OpenSSL's own queries, which take a const SSL. Where OpenSSL's function
** wants an SSL that is not const, there is a query below. Borrowed. */
const SSL *tls_engine_ssl (const struct tls_engine *e);

/* Have cipher and key exchange been settled? Before that, what OpenSSL says of
** them means nothing. */
bool tls_engine_negotiated (const struct tls_engine *e);

/* The group of the key exchange, or NULL. */
const char *tls_engine_group (const struct tls_engine *e);

/* The group of a key exchange for which there is no key as of EC or DH. */
const char *tls_engine_keyless_group (const struct tls_engine *e);

/* The round trip that the handshake has measured; false when it has not. */
bool tls_engine_handshake_rtt (const struct tls_engine *e,
                               uint64_t *microseconds);

/* The peer's ephemeral key, or NULL. The caller's. */
EVP_PKEY *tls_engine_peer_ephemeral_key (const struct tls_engine *e);

/* SSL_get_shared_sigalgs(3): how many there are; the one at 'index' (from 0)
** is stored, as NIDs of EVP_PKEY and hash. */
int tls_engine_shared_sigalg (const struct tls_engine *e, int index, int *sign,
                              int *hash);

/* What became of Encrypted Client Hello. Before it is known: NONE, without the
** rest. Without memory a name, or the retry configs, may be NULL. */
void tls_engine_ech (const struct tls_engine *e, struct tls_ech *ech);

/* SSL_export_keying_material(3): 'size' bytes to 'out'. 'context' may be
** NULL. False when OpenSSL refuses; its queue says why. */
bool tls_engine_export_key (const struct tls_engine *e, unsigned char *out,
                            size_t size, const char *label, size_t label_size,
                            const char *context, size_t context_size);

#endif
