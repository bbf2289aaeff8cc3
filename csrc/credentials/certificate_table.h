/*
** x509: certificates as Lua tables, in the form of Node's getPeerCertificate.
*/
#ifndef tls_certificate_table_h
#define tls_certificate_table_h

#include <openssl/x509.h>

#include "lua/compat.h"

/* The certificates, the list and the store are borrowed: the caller keeps them
** alive even if the call throws (it throws when memory is out). */

/* Push one certificate. Its field 'issuer' is its 'issuerInfo'. [-0, +1] */
void tls_certificate_push (lua_State *L, X509 *cert);

/* Push the detailed form of 'leaf': 'issuer' (also 'issuerCertificate') is the
** table of the certificate that issued it, and so on, looked for in 'chain'
** (any order, with or without the leaf; may be NULL), then in 'store' (may be
** NULL). A self-signed one is its own issuer; nil where the issuer is not
** known. [-0, +1] */
void tls_certificate_push_chain (lua_State *L, X509 *leaf,
                                 STACK_OF(X509) * chain, X509_STORE *store);

/* Push the DER of 'cert'. [-0, +1] */
void tls_certificate_push_der (lua_State *L, X509 *cert);

/* Push the DER of who issued 'cert', from 'chain' or 'store'; nil when it is
** self-signed or its issuer not known. [-0, +1] */
void tls_certificate_push_issuer (lua_State *L, X509 *cert,
                                  STACK_OF(X509) * chain, X509_STORE *store);

/* Lua: parseCertificate(text) -> table. Takes PEM (the first certificate in
** the text) or DER. */
int tls_certificate_parse (lua_State *L);

#endif
