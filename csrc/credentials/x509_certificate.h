/*
** x509_certificate: certificates as objects, in the form of Node's
** X509Certificate: a userdata that owns a reference to an X509. Used by
** x509_checks.c, the queries of a connection and module.c; lua/tls/
** x509_certificate.lua adds the methods that take arguments.
*/
#ifndef tls_credentials_x509_certificate_h
#define tls_credentials_x509_certificate_h

#include <openssl/x509.h>

#include "lua/compat.h"

/* Push an object; it takes a reference to the certificate. [-0, +1] */
void tls_x509_push (lua_State *L, X509 *cert);

/* Push an object for 'leaf' whose issuerCertificate is the one of 'chain' that
** has issued it, and so on. The list may be NULL, in any order, and may have
** the leaf in it. [-0, +1] */
void tls_x509_push_chain (lua_State *L, X509 *leaf, STACK_OF(X509) * chain);

/* The certificate of the object at 'arg', borrowed; throws ERR_INVALID_THIS
** when it is something else. */
X509 *tls_x509_check (lua_State *L, int arg);

/* core.x509(text) -> object. The text is PEM (its first certificate counts)
** or DER. For other text -> nil, the error. */
int tls_x509_new (lua_State *L);

/* core.isX509(value) -> boolean */
int tls_x509_is (lua_State *L);

/* Make the metatable, and push the table of the methods. [-0, +1] */
void tls_x509_open (lua_State *L);

#endif
