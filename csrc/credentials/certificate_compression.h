/*
** certificate_compression: compressed Certificate messages, RFC 8879.
*/
#ifndef tls_credentials_certificate_compression_h
#define tls_credentials_certificate_compression_h

#include <stdbool.h>

#include <openssl/ssl.h>

#include "lua/compat.h"

/* A new context asks for no compressed certificates, and sends none: a client
** would, to a server that asks for them. */
void tls_certificate_compression_forbid (SSL_CTX *ctx);

/* Take the algorithms in the sequence on top of the stack, names in order of
** preference. False when OpenSSL has none of them. [-0, +0] */
bool tls_certificate_compression_set (lua_State *L, SSL_CTX *ctx);

/* Compress the certificates of a context, once, for when it is a server's.
** One that does not get smaller is sent as it is. */
void tls_certificate_compression_apply (SSL_CTX *ctx);

/* core.certificateCompression() -> sequence of the names that OpenSSL has */
int tls_certificate_compression_names (lua_State *L);

#endif
