/*
** commands: what Lua tells a connection. Used by methods.c.
*/
#ifndef tls_connection_commands_h
#define tls_connection_commands_h

#include "lua/compat.h"

/* Methods for the metatable; each needs it as its upvalue. */
extern const luaL_Reg tls_connection_commands[];

#endif
