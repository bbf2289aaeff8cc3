/*
** transport: the luv stream of a connection stops being read, and fails.
*/
#ifndef tls_transport_h
#define tls_transport_h

#include "connection_state.h"

void tls_connection_stop_reading (struct tls_connection *c);

/* libuv's 'status' has ended the transport, in a write or in a read. Only the
** first failure counts. */
void tls_connection_transport_failed (struct tls_connection *c, int status,
                                      bool writing);

#endif
