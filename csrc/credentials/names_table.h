/*
** names_table: the names in a certificate as Lua values. Used by
** certificate_table.c and x509_certificate.c, and by the queries of a
** connection.
*/
#ifndef tls_credentials_names_table_h
#define tls_credentials_names_table_h

#include <openssl/x509.h>

#include "lua/compat.h"

/* Push a table of strings in UTF-8 by short name ("CN") or dotted OID; the
** value of a type that occurs more than once is a sequence. [-0, +1] */
void tls_names_push (lua_State *L, const X509_NAME *name);

/* Push a name as one line: "O = tls, CN = ca". [-0, +1] */
void tls_names_push_line (lua_State *L, const X509_NAME *name);

/* Push a name as one line for each part: "O=tls\nCN=ca". nil when it has no
** parts. [-0, +1] */
void tls_names_push_lines (lua_State *L, const X509_NAME *name);

/* Push the subject's alternative names as one string, "DNS:a.com, IP
** Address:::1"; a name that could be misread is quoted as in JSON. nil
** without the extension, "<invalid>" when it cannot be read. [-0, +1] */
void tls_names_push_alternatives (lua_State *L, const X509 *cert);

/* Push the authority information access: sequences of values by "OCSP - URI"
** and the like, or nil. [-0, +1] */
void tls_names_push_access (lua_State *L, const X509 *cert);

/* Push the same as text, "OCSP - URI:http://x" and a line for each; a value
** that could be misread is quoted as in JSON. [-0, +1] */
void tls_names_push_access_lines (lua_State *L, const X509 *cert);

/* Push the dotted form of an object identifier. [-0, +1] */
void tls_names_push_oid (lua_State *L, const ASN1_OBJECT *oid);

#endif
