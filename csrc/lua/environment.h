/*
** environment: environment variables that decide whom we trust, what we
** encrypt with, and who may look on.
*/
#ifndef tls_lua_environment_h
#define tls_lua_environment_h

#include "compat.h"

/* As getenv(3), but NULL in a program that has more privileges than the user
** who has started it (set-user-id, file capabilities): that user must not
** decide whom the program trusts, nor get its secrets. Borrowed from the
** environment. */
const char *tls_environment_get (const char *name);

/* core.getenv(name) -> value, or nil. The Lua layer reads its variables by
** this alone. */
int tls_environment_push (lua_State *L);

#endif
