/*
** protocol_names: lists of ALPN's and NPN's protocols from Lua.
*/
#ifndef tls_connection_protocol_names_h
#define tls_connection_protocol_names_h

#include "lua/compat.h"

/* core.encodeProtocols(names) -> wire form, or nil and the index of the first
** that is not a string of 1 to 255 bytes.
** core.encodeProtocols(wire) -> the same string, or nil and the offset at
** which it is malformed. */
int tls_protocol_names_encode (lua_State *L);

#endif
