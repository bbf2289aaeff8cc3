/*
** ip_address: IP addresses as text.
*/
#ifndef tls_lua_ip_address_h
#define tls_lua_ip_address_h

#include "compat.h"

/* core.address(text) -> address, version: the address in the one spelling
** that may be compared with another, without a zone, and 4 or 6. Nothing when
** it is not an address. */
int tls_ip_address (lua_State *L);

#endif
