/*
** lua_error: errors as Lua tables with message, code and, from OpenSSL,
** library, reason and opensslErrorStack; 'stack' when thrown at a caller.
*/
#ifndef tls_lua_lua_error_h
#define tls_lua_lua_error_h

#include <stdbool.h>

#include "compat.h"
#include "engine/openssl_error.h"
#include "error_text.h"

/* Push 'e' as an error table. [-0, +1] */
void tls_push_error (lua_State *L, const struct tls_error *e);

/* Throw 'e' as an error table, with the place of the user's call, see
** error_place.h. Never returns. */
int tls_throw (lua_State *L, const struct tls_error *e);

/* Throw that there is no memory, when OpenSSL or malloc(3) has had none. Its
** queue is empty then. Never returns. */
int tls_throw_memory (lua_State *L);

/* What OpenSSL has not done counts as an answer, and its queue is emptied: but
** not when there was no memory, which is thrown. The caller must own nothing
** that Lua does not own, too. */
void tls_accept_failure (lua_State *L);

/* Throw the oldest entry of OpenSSL's error queue; when it is empty, 'code'
** and 'message'. Never returns, so the caller must own nothing that Lua does
** not collect. */
int tls_throw_openssl (lua_State *L, const char *code, const char *message);

/* The same error as the results of a function of the core, nil and the error,
** for a caller in Lua that knows more about it and throws it. [-0, +2] */
int tls_return_openssl (lua_State *L, const char *code, const char *message);

/* When 'ok' is false, throw OpenSSL's reason for refusing an option. */
void tls_require (lua_State *L, bool ok);

#endif
