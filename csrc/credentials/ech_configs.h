/*
** ech_configs: an ECHConfigList (RFC 9849, 4), as a client is given it.
*/
#ifndef tls_credentials_ech_configs_h
#define tls_credentials_ech_configs_h

#include "lua/compat.h"

/* core.echPublicName(list) -> the public name of the one ECHConfig that is in
** the list, in binary form; or nil, the error, when OpenSSL cannot use it */
int tls_ech_configs_public_name (lua_State *L);

#endif
