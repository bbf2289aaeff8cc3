/*
** queries: what Lua may ask a connection. Used by methods.c.
*/
#ifndef tls_connection_queries_h
#define tls_connection_queries_h

#include "lua/compat.h"

/* Methods for the metatable; each needs it as its upvalue. */
extern const luaL_Reg tls_connection_queries[];

#endif
