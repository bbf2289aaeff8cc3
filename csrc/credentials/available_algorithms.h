/*
** available_algorithms: what OpenSSL offers to choose from, as lists for Lua,
** and the size of DH parameters. What is chosen is set in context_options.c.
** Used by module.c.
*/
#ifndef tls_credentials_available_algorithms_h
#define tls_credentials_available_algorithms_h

#include "lua/compat.h"

/* core.ciphers(context) -> names as OpenSSL lists them, TLS 1.3 first. */
int tls_available_algorithms_ciphers (lua_State *L);

/* core.groups(context) -> names of the groups that ecdhCurve takes; the context
** is spoiled. */
int tls_available_algorithms_groups (lua_State *L);

/* Push core.leftOut: whether OpenSSL was built without a part, by the name that
** its Configure has for it, as "psk" of no-psk. [-0, +1] */
void tls_available_algorithms_push_left_out (lua_State *L);

/* core.fips() -> whether OpenSSL is set to use algorithms of FIPS alone, by
** default_properties of its configuration file. */
int tls_available_algorithms_fips (lua_State *L);

/* core.dhparamBits(pem) -> their size; 0 when there are no parameters. */
int tls_available_algorithms_dhparam_bits (lua_State *L);

#endif
