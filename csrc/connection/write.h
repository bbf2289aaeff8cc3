/*
** write: plaintext is encrypted, and records leave by libuv or by Lua.
*/
#ifndef tls_write_h
#define tls_write_h

#include "connection_state.h"

/* Encrypt from 'data', flushing whenever enough has gathered. Returns how much
** was taken: less than 'n' when the socket is full or the turn is over. */
size_t tls_connection_encrypt (struct tls_connection *c, const char *data,
                               size_t n);

/* Encrypt what is held, as far as it goes now. */
void tls_connection_encrypt_pending (struct tls_connection *c);

/* Could more of what is held be encrypted now? */
bool tls_connection_may_encrypt (const struct tls_connection *c);
void tls_connection_drop_pending (struct tls_connection *c);

/* Give the records that wait to libuv. Nothing without a stream. */
void tls_connection_flush (struct tls_connection *c);

/* Give them to Lua, when there is no stream. */
void tls_connection_emit_records (struct tls_connection *c);
void tls_connection_send_last (struct tls_connection *c);

/* A failed write is no failure when all that was lost is our answer to an end
** that the peer had sent before. */
void tls_connection_excuse_write (struct tls_connection *c);

/* The write that is in flight ends without this connection. */
void tls_connection_forget_write (struct tls_connection *c);

size_t tls_connection_queued (
    const struct tls_connection *c); /* ciphertext bytes waiting */
size_t tls_connection_unsent (
    const struct tls_connection *c); /* plaintext bytes waiting */
bool tls_connection_all_sent (const struct tls_connection *c);

#endif
