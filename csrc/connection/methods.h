/*
** methods: a connection as Lua sees it: how it is made, and its methods.
** Those that do not move bytes stand in commands.c and queries.c. Used by
** module.c.
*/
#ifndef tls_connection_methods_h
#define tls_connection_methods_h

#include "lua/compat.h"

/* Register the metatables of connections and of their options. [-0, +0] */
void tls_connection_open (lua_State *L);

/* core.conn(context, options) -> connection; see options.h for the options. */
int tls_connection_new (lua_State *L);

#endif
