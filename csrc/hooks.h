/*
** hooks: every function that OpenSSL calls. A hook copies what it is shown,
** sets an event bit, suspends or applies the stored answer. It never enters
** Lua and never calls SSL_* functions that drive the connection.
*/
#ifndef tls_hooks_h
#define tls_hooks_h

#include <openssl/ssl.h>

/* Make connections of 'ctx' ask their engine. Call once for each SSL_CTX. */
void tls_hooks_install (SSL_CTX *ctx);

#endif
