/*
** push: C values as Lua values: errors, and lists of names.
*/
#ifndef tls_lua_error_h
#define tls_lua_error_h

#include "compat.h"
#include "engine/openssl_error.h"

#define TLS_ERROR_T "tls.error" /* metatable of every error table */

/* Make the metatable; leave it on the stack. [-0, +1] */
void tls_error_open (lua_State *L);

/* Push 'e' as an error table. [-0, +1] */
void tls_push_error (lua_State *L, const struct tls_error *e);

/* Throw it. Never returns. */
int tls_throw (lua_State *L, const struct tls_error *e);

/* Throw the error queue's oldest entry, or 'code' and 'message'. The caller
** holds no C allocation. Never returns. */
int tls_throw_openssl (lua_State *L, const char *code, const char *message);

#endif
