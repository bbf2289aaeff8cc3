/*
** read: ciphertext from luv's stream, while the connection wants it.
*/
#ifndef tls_read_h
#define tls_read_h

#include "connection_state.h"

/* Start or stop reading, as the connection's state asks for. Enters Lua when
** there is no stream. */
void tls_connection_update_reading (struct tls_connection *c);

void tls_connection_keep_unread (struct tls_connection *c);

bool tls_connection_reading_paused (const struct tls_connection *c);

/* A write has failed; the reason is still to be read. */
bool tls_connection_awaits_alert (const struct tls_connection *c);

#endif
