/*
** methods: a connection as Lua sees it.
*/
#ifndef tls_methods_h
#define tls_methods_h

#include "lua/compat.h"

/* Register the metatable. [-0, +0] */
void tls_connection_open (lua_State *L);

/* core.conn(context, terms) -> conn, see options.h. */
int tls_connection_new (lua_State *L);

#endif
