/*
** safe_getenv: environment variables that decide whom we trust and how we
** encrypt.
*/
#ifndef tls_environment_h
#define tls_environment_h

#include "compat.h"

/* As getenv(3), but NULL in a program that runs with more privileges than the
** user who started it (set-user-id, file capabilities): there the environment
** is the word of somebody who must not decide this. The text is borrowed from
** the environment. */
const char *tls_safe_getenv (const char *name);

/* core.getenv(name) -> value, or nil. Every variable that the Lua files read,
** they read by this. */
int tls_getenv (lua_State *L);

#endif
