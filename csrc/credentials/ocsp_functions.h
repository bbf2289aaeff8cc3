/*
** ocsp_functions: OCSP (RFC 6960) for Lua: requests, responses, and what a
** context staples. Used by module.c; lua/tls/ocsp checks the arguments.
*/
#ifndef tls_credentials_ocsp_functions_h
#define tls_credentials_ocsp_functions_h

#include "lua/compat.h"

/* Push a table of functions. Certificates are objects of core.x509().
**   verify(response, cert, issuer, seconds) -> table; nil and the error, which
**     has 'responseStatus' where the responder has not answered
**   request(cert, issuer) -> DER
**   certificates(context) -> sequence of {cert=, issuer=}: DER of those that
**     have a key, and of their issuers where these are known
**   staple(context, cert, response, seconds): send it with that certificate,
**     until then; none for ""
** Where OpenSSL was built without OCSP, verify and request are not there.
** [-0, +1] */
void tls_ocsp_functions_push (lua_State *L);

#endif
