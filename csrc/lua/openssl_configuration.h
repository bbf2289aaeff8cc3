/*
** openssl_configuration: the file that OpenSSL reads when it is first used,
** openssl.cnf. OpenSSL passes over one that it cannot read, and would go on
** without the providers and rules that somebody has written down there. Used
** by module.c.
*/
#ifndef tls_lua_openssl_configuration_h
#define tls_lua_openssl_configuration_h

#include "compat.h"

/* Throws when there is such a file and OpenSSL cannot read it. [-0, +0] */
void tls_openssl_configuration_check (lua_State *L);

#endif
