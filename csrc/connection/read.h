/*
** read: ciphertext from luv's stream, while the connection wants it.
*/
#ifndef tls_read_h
#define tls_read_h

#include "connection_state.h"

/* Start or stop reading, as the connection's state asks for. Enters Lua when
** there is no stream. */
void tls_conn_update_reading (struct conn *c);

void tls_conn_keep_unread (struct conn *c);

bool tls_conn_pausing (const struct conn *c);

/* A write has failed; the reason is still to be read. */
bool tls_conn_awaiting_reason (const struct conn *c);

#endif
