/*
** negotiated: what the two ends have agreed on in the handshake, as Lua
** values. Used by events.c and queries.c.
*/
#ifndef tls_connection_negotiated_h
#define tls_connection_negotiated_h

#include "connection_state.h"

/* Push the name that the client has asked for (SNI), or false. [-0, +1] */
void tls_connection_push_servername (lua_State *L, const SSL *ssl);

/* Push the protocol chosen by ALPN, that by NPN, and the server name; false
** for each that there is not. [-0, +3] */
void tls_connection_push_negotiated (lua_State *L, struct tls_connection *c);

#endif
