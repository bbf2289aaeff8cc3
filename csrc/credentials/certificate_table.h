/*
** certificate_table: certificates as Lua tables, in the form of Node's
** getPeerCertificate. Used by secure_context.c and the queries of a
** connection.
*/
#ifndef tls_credentials_certificate_table_h
#define tls_credentials_certificate_table_h

#include <openssl/x509.h>

#include "lua/compat.h"

/* Certificates, lists and stores are borrowed. The caller keeps them alive
** even when a function throws, as all do when there is no memory. */

/* Push one certificate. Its field 'issuer' is its 'issuerInfo'. [-0, +1] */
void tls_certificate_push (lua_State *L, X509 *cert);

/* Push the detailed form of 'leaf', in which 'issuer' (and
** 'issuerCertificate') is the table of the certificate that has issued it,
** and so on. Issuers are looked for in 'chain' (in any order, with or without
** the leaf), then in 'store'; both may be NULL. A self-signed certificate is
** its own issuer; nil when the issuer is not known. [-0, +1] */
void tls_certificate_push_chain (lua_State *L, X509 *leaf,
                                 STACK_OF(X509) * chain, X509_STORE *store);

/* Push the DER of the certificate that has issued 'cert', from 'chain' or
** 'store'; nil when it is self-signed or its issuer is not known. [-0, +1] */
void tls_certificate_push_issuer (lua_State *L, X509 *cert,
                                  STACK_OF(X509) * chain, X509_STORE *store);

/* core.parseCertificate(text) -> table. The text is PEM (its first
** certificate counts) or DER. */
int tls_certificate_parse (lua_State *L);

#endif
