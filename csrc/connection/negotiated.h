/*
** negotiated: what the handshake has agreed on, as Lua values.
*/
#ifndef tls_negotiated_h
#define tls_negotiated_h

#include "connection_state.h"

void tls_connection_push_servername (lua_State *L,
                                     const SSL *ssl); /* [-0, +1] */

/* What was agreed on by ALPN and by NPN, and the name asked for: each false
** when there is none. [-0, +3] */
void tls_connection_push_negotiated (lua_State *L, struct tls_connection *c);

#endif
