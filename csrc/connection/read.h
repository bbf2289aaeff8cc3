/*
** read: ciphertext comes from luv's handle while the connection wants it.
** Used by the drive loop and by the methods that start, pause and resume.
*/
#ifndef tls_connection_read_h
#define tls_connection_read_h

#include "connection_state.h"

/* Start or stop reading, as the connection's state asks for. When Lua carries
** the records, it is told: that enters Lua. */
void tls_connection_update_reading (struct tls_connection *c);

/* Copy what OpenSSL has not read yet. The read buffer is shared by all
** connections, and the next read, which a listener may cause by running the
** loop, lands in it. */
void tls_connection_keep_unread (struct tls_connection *c);

/* Lua wants no data now, so none is read. */
bool tls_connection_reading_paused (const struct tls_connection *c);

/* A write has failed, and an alert that says why may still be read. */
bool tls_connection_awaits_alert (const struct tls_connection *c);

#endif
