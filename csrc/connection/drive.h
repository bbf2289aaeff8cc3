/*
** drive: the loop that runs a connection.
**
** Whatever happens to a connection ends in tls_connection_drive(): bytes have
** arrived or a write has finished (libuv's callbacks call it, through
** c->drive), Lua has written or answered a question. A method that Lua calls
** does not enter Lua again: it returns true when the connection has to be
** driven, and Lua calls conn:drive() from a callback of its own.
*/
#ifndef tls_connection_drive_h
#define tls_connection_drive_h

#include "connection_state.h"

/* Run the connection until it has nothing more to do. Enters Lua, so anything
** may have happened to 'c' when this returns; it may be closed, but its
** memory is still there. */
void tls_connection_drive (struct tls_connection *c);

#endif
