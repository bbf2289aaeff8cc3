/*
** chain_fault: what there is to say about a certificate that has not verified,
** for the text of the error. Used by the queries of a connection.
*/
#ifndef tls_credentials_chain_fault_h
#define tls_credentials_chain_fault_h

#include <openssl/x509.h>

#include "lua/compat.h"

/* Push a table with
**   issuer                its issuer's name, as one line
**   issuerKnown           the store has a certificate of that name
**   notBefore, notAfter   seconds since 1970
**   purposes              short names of its extended key usage, or nil
**   keyType, keyBits      "RSA", 2048
**   signature             "RSA-SHA256"
** and where a list of revoked certificates says that it is refused,
**   nextUpdate, lastUpdate, revoked   seconds since 1970
** All are borrowed; 'crl' and 'store' may be NULL. [-0, +1] */
void tls_chain_fault_push (lua_State *L, X509 *cert, X509_CRL *crl,
                           X509_STORE *store);

#endif
