/*
** drive: the loop that runs a connection.
**
** Whatever happens to a connection ends in tls_connection_drive(): bytes have
** arrived or a write has finished (libuv's callbacks call it, through
** c->drive), Lua has written or answered a question. A method that Lua calls
** returns true when the connection has to be driven, and Lua calls
** conn:drive() from a callback of its own.
**
** Only the drive loop calls handlers. What else runs OpenSSL may call the one
** for pre-shared keys; after it the code looks whether the connection has been
** closed.
*/
#ifndef tls_connection_drive_h
#define tls_connection_drive_h

#include "connection_state.h"

/* Run the connection until it has nothing more to do. Enters Lua, so anything
** may have happened to 'c' when this returns; it may be closed, but its
** memory is still there. */
void tls_connection_drive (struct tls_connection *c);

#endif
