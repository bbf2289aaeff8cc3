/*
** queries: what Lua may ask a connection. Used by methods.c.
*/
#ifndef tls_connection_queries_h
#define tls_connection_queries_h

#include "lua/compat.h"

/* Add the queries to the methods. Stack: the metatable, the table of methods.
** [-0, +0] */
void tls_connection_add_queries (lua_State *L);

#endif
