/*
** queries: methods of a connection's metatable.
*/
#ifndef tls_queries_h
#define tls_queries_h

#include "lua/compat.h"

extern const luaL_Reg tls_connection_queries[];

#endif
