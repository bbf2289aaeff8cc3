/*
** commands: methods of a connection's metatable.
*/
#ifndef tls_commands_h
#define tls_commands_h

#include "lua/compat.h"

extern const luaL_Reg tls_connection_commands[];

#endif
