/*
** x509_names: the names in a certificate as Lua values.
*/
#ifndef tls_names_table_h
#define tls_names_table_h

#include <openssl/x509.h>

#include "lua/compat.h"

/* Push a table from short names ("CN", or a dotted OID) to UTF-8 strings; a
** type that occurs more than once holds a sequence. [-0, +1] */
void tls_names_push (lua_State *L, const X509_NAME *name);

/* Push a name as one line: "O = tls, CN = ca". [-0, +1] */
void tls_names_push_line (lua_State *L, const X509_NAME *name);

/* Push the subject's alternative names as one string, "DNS:a.com, IP
** Address:::1"; a name that could be misread is quoted as in JSON. Nil without
** the extension, "<invalid>" when it cannot be read. [-0, +1] */
void tls_names_push_alternatives (lua_State *L, const X509 *cert);

/* Push the authority information access: a table from "OCSP - URI" and the
** like to sequences of values, or nil. [-0, +1] */
void tls_names_push_access (lua_State *L, const X509 *cert);

/* Push the dotted form of an object identifier. [-0, +1] */
void tls_names_push_oid (lua_State *L, const ASN1_OBJECT *oid);

#endif
