/*
** version: of tls. `make rockspec` writes it: lua/tls/support/version.lua says
** which it is.
*/
#ifndef tls_lua_version_h
#define tls_lua_version_h

#define TLS_VERSION "0.9.0"

#endif
