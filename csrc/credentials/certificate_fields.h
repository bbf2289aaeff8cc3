/*
** certificate_fields: what a certificate says, one value each. Used by
** certificate_table.c and x509_certificate.c.
*/
#ifndef tls_credentials_certificate_fields_h
#define tls_credentials_certificate_fields_h

#include <openssl/x509.h>

#include "lua/compat.h"

/* Each pushes a value, or nil for what the certificate lacks. [-0, +1] */

/* "Nov 23 13:12:00 2026 GMT"; OpenSSL's "Bad time value" for what is none. */
void tls_certificate_push_time (lua_State *L, const ASN1_TIME *time);

/* Seconds since 1970; nil for what is no time. */
void tls_certificate_push_seconds (lua_State *L, const ASN1_TIME *time);

/* In hex with colons; nil where a FIPS provider refuses the algorithm. */
void tls_certificate_push_fingerprint (lua_State *L, const X509 *cert,
                                       const EVP_MD *algorithm);

/* In hex, with a minus if it is negative. */
void tls_certificate_push_serial (lua_State *L, const X509 *cert);

/* The extended key usage: a sequence of OIDs. */
void tls_certificate_push_usage (lua_State *L, const X509 *cert);

void tls_certificate_push_der (lua_State *L, X509 *cert);

/* The certificate, and its public key, in PEM. */
void tls_certificate_push_pem (lua_State *L, X509 *cert);
void tls_certificate_push_key_pem (lua_State *L, X509 *cert);

/* A public key that is 'size' bytes of DER, in PEM; nil when there are
** none. */
void tls_certificate_push_spki_pem (lua_State *L, const unsigned char *bytes,
                                    int size);

#endif
