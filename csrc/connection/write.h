/*
** write: plaintext is encrypted, and records leave by libuv or by Lua.
*/
#ifndef tls_write_h
#define tls_write_h

#include "connection_state.h"

/* Encrypt from 'data', flushing whenever enough has gathered. Returns how much
** was taken: less than 'n' when the socket is full or the turn is over. */
size_t tls_conn_pump (struct conn *c, const char *data, size_t n);

/* Encrypt what is held, as far as it goes now. */
void tls_conn_pump_held (struct conn *c);

/* Could more of what is held be encrypted now? */
bool tls_conn_may_pump (const struct conn *c);
void tls_conn_drop_held (struct conn *c);

/* Give the records that wait to libuv. Nothing without a stream. */
void tls_conn_flush (struct conn *c);

/* Give them to Lua, when there is no stream. */
void tls_conn_emit_records (struct conn *c);
void tls_conn_send_rest (struct conn *c);

/* A failed write is no failure when all that was lost is our answer to an end
** that the peer had sent before. */
void tls_conn_forgive_write (struct conn *c);

/* The write that is in flight ends without this connection. */
void tls_conn_forget_write (struct conn *c);

size_t tls_conn_gathered (const struct conn *c); /* ciphertext bytes waiting */
size_t tls_conn_unsent (const struct conn *c);   /* plaintext bytes waiting */
bool tls_conn_all_sent (const struct conn *c);

#endif
