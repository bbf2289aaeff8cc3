/*
** transport_failure: notes that reading or writing has failed, and stops
** reading. Used by read.c, write.c and the drive loop.
*/
#ifndef tls_connection_transport_failure_h
#define tls_connection_transport_failure_h

#include "connection_state.h"

/* libuv calls on_read() no more. */
void tls_connection_stop_reading (struct tls_connection *c);

/* A read or a write has failed with libuv's 'status'. The drive loop tells
** Lua of the first failure, after all that was received before it. */
void tls_connection_fail_read (struct tls_connection *c, int status);
void tls_connection_fail_write (struct tls_connection *c, int status);

#endif
