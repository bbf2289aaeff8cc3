/*
** x509_checks: what one may ask the object of a certificate about a name, an
** issuer or a key. Used by module.c.
*/
#ifndef tls_credentials_x509_checks_h
#define tls_credentials_x509_checks_h

#include "lua/compat.h"

/* Push a table of functions for lua/tls/x509_certificate.lua, which checks
** their arguments: host, email and ip (object, text, flags) -> the name that
** matches, or nil; issued (object, other), verify (object, pem) and privateKey
** (object, key, passphrase) -> boolean, or nil and the error for text without a
** key; 'flags': the bits by name.
** [-0, +1] */
void tls_x509_checks_push (lua_State *L);

#endif
