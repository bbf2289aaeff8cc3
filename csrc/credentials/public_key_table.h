/*
** public_key_table: the public key of a certificate as fields of a Lua table.
** Used by certificate_table.c.
*/
#ifndef tls_credentials_public_key_table_h
#define tls_credentials_public_key_table_h

#include <openssl/x509.h>

#include "lua/compat.h"

/* Set fields of the table on top of the stack: bits and pubkey; modulus and
** exponent (RSA), or asn1Curve and nistCurve (EC). 'pubkey' is the
** SubjectPublicKeyInfo in DER, but for EC keys, as in Node, the point. */
void tls_public_key_set_fields (lua_State *L, X509 *cert);

/* Push 'size' bytes in upper case hex, two digits a byte, with 'separator'
** between bytes unless it is 0. [-0, +1] */
void tls_push_hex (lua_State *L, const unsigned char *bytes, size_t size,
                   char separator);

#endif
