/*
** write: plaintext becomes records, and records leave: by libuv when the
** connection has a handle, else by Lua. Used by the drive loop and by the
** methods that write and close.
*/
#ifndef tls_connection_write_h
#define tls_connection_write_h

#include "connection_state.h"

/* Encrypt from 'data', flushing whenever enough has gathered. Returns how
** many bytes were taken: less than 'n' when the socket is full, the gate shut
** or the turn over. */
size_t tls_connection_encrypt (struct tls_connection *c, const char *data,
                               size_t n);

/* The same for the pending plaintext, which write() was given before. */
void tls_connection_encrypt_pending (struct tls_connection *c);

/* Would that take something now? */
bool tls_connection_may_encrypt (const struct tls_connection *c);

/* Forget the pending plaintext. */
void tls_connection_drop_pending (struct tls_connection *c);

/* Give the records that have gathered to libuv. Does nothing without a
** handle, while a write is in flight, and after a failure. */
void tls_connection_flush (struct tls_connection *c);

/* Give them to Lua, when there is no handle. Enters Lua. */
void tls_connection_emit_records (struct tls_connection *c);

/* Before the connection is closed: give libuv what it takes at once. */
void tls_connection_send_last (struct tls_connection *c);

/* Forget a failed write when the peer has ended the connection properly and
** nothing of the user's was lost. */
void tls_connection_excuse_write (struct tls_connection *c);

/* The write that is in flight ends without this connection. */
void tls_connection_forget_write (struct tls_connection *c);

/* How many bytes wait: of records, in the engine's out queue; of plaintext,
** pending or not yet with the kernel. */
size_t tls_connection_queued (const struct tls_connection *c);
size_t tls_connection_unsent (const struct tls_connection *c);

/* Is all that was written, and the close_notify after it, with the kernel? */
bool tls_connection_all_sent (const struct tls_connection *c);

#endif
