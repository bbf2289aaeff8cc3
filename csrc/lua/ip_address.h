/*
** address: IP addresses as text.
*/
#ifndef tls_ip_address_h
#define tls_ip_address_h

#include "compat.h"

/* core.address(text) -> canonical, version: the one spelling of an address that
** may be compared, without a zone, and 4 or 6. Nothing for any other value. */
int tls_ip_address (lua_State *L);

#endif
