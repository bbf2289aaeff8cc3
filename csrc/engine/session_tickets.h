/*
** session_tickets: the keys that a server encrypts its session tickets with
** (RFC 5077, 4).
**
** A key is 48 bytes, as in Node: 16 of name, 16 for HMAC-SHA256, 16 for
** AES-128-CBC. The first key of a list encrypts; all of them decrypt, and a
** ticket of an older key is answered with a new ticket.
*/
#ifndef tls_engine_session_tickets_h
#define tls_engine_session_tickets_h

#include <stdbool.h>

#include <openssl/ssl.h>

#define TLS_TICKET_KEY_SIZE 48

/* Give 'ctx' a random key and install the callback. */
bool tls_ticket_keys_install (SSL_CTX *ctx);

/* Replace the keys by 'count' others, newest first; they are copied. False
** when there is no memory: then the old keys stay. */
bool tls_ticket_keys_set (SSL_CTX *ctx, const unsigned char *keys,
                          size_t count);

/* The keys, newest first; borrowed. NULL when there are none. */
const unsigned char *tls_ticket_keys_get (const SSL_CTX *ctx, size_t *count);

/* Are these bytes a ticket of ours, that is, do they begin with the name of
** one of the keys? */
bool tls_ticket_keys_match (const SSL_CTX *ctx, const unsigned char *bytes,
                            size_t n);

#endif
