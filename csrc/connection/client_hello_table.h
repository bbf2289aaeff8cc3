/*
** client_hello_table: a ClientHello as the table that a server's 'clientHello'
** gets.
*/
#ifndef tls_connection_client_hello_table_h
#define tls_connection_client_hello_table_h

#include "engine/client_hello.h"
#include "lua/compat.h"

/* Push a tls.ClientHello, see lua/tls/types/values.lua. [-0, +1] */
void tls_client_hello_table_push (lua_State *L,
                                  const struct tls_client_hello *hello);

#endif
