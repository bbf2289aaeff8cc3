/*
** ocsp_response: what a server staples (RFC 6960, 4.2.1).
*/
#ifndef tls_credentials_ocsp_response_h
#define tls_credentials_ocsp_response_h

#include "lua/compat.h"

/* core.isOCSPResponse(bytes) -> are they an OCSP response in DER, and no more?
** true, too, where OpenSSL was built without OCSP and cannot tell. */
int tls_ocsp_response_is (lua_State *L);

#endif
