/*
** ex_data: what the engine attaches to OpenSSL's own objects, which outlive an
** engine: CRYPTO_get_ex_new_index(3).
*/
#ifndef tls_engine_ex_data_h
#define tls_engine_ex_data_h

#include <stdint.h>

#include <openssl/ssl.h>

#include "blob.h"

#define TLS_SESSION_CONTEXT_SIZE 32 /* SHA-256; SSL_MAX_SID_CTX_LENGTH */

/* Raw public keys instead of certificates, see raw_keys.h. */
struct tls_raw_keys {
  EVP_PKEY **trusted; /* owned, and a reference to each key */
  size_t count;
  bool shown;               /* our own key may be shown as a raw one */
  bool certificate_shown;   /* or our certificate */
  bool accepted;            /* the peer may show a raw key */
  bool certificate_refused; /* and must not show a certificate */
};

/* Of an SSL_CTX, which owns it. */
struct tls_context_data {
  struct tls_blob ticket_keys; /* newest first, see session_tickets.h */
  struct tls_staple *staples;  /* owned; see ocsp_staples.h */
  unsigned char trust[TLS_SESSION_CONTEXT_SIZE]; /* hash of all that clients
                                                    are verified by */
  bool has_trust;                                /* something is in that hash */
  struct tls_raw_keys *raw_keys; /* owned; NULL: certificates alone */
};

/* NULL when 'ctx' has none. Borrowed from it. */
struct tls_context_data *tls_ex_data_context (const SSL_CTX *ctx);

/* The same, made when there is none. NULL when there is no memory. */
struct tls_context_data *tls_ex_data_make_context (SSL_CTX *ctx);

/* A number that OpenSSL copies along with a session, for psk.c; 0 when there
** is none. */
uintptr_t tls_ex_data_session_mark (const SSL_SESSION *session);

/* False when there is no memory. */
bool tls_ex_data_set_session_mark (SSL_SESSION *session, uintptr_t mark);

#endif
