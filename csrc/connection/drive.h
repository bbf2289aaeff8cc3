/*
** drive: the loop that every edge of a connection ends in.
*/
#ifndef tls_drive_h
#define tls_drive_h

#include "connection_state.h"

/* Run the connection until it has nothing more to do. Enters Lua, so anything
** may have happened to 'c' afterwards but its memory going away. */
void tls_connection_drive (struct tls_connection *c);

#endif
