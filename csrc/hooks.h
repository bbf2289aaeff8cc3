/*
** hooks: every function that OpenSSL calls. A hook copies what it is shown,
** sets an event bit, and suspends or applies the answer that is there. It never
** enters Lua, but for pre-shared keys, where OpenSSL cannot wait.
*/
#ifndef tls_hooks_h
#define tls_hooks_h

#include "engine.h"

/* Give 'ctx' the hooks that every engine needs. */
void tls_hooks_install (SSL_CTX *ctx);

/* Look out for another handshake on this connection, and show its messages
** where that is asked for. */
void tls_hooks_watch (struct tls_engine *e);

/* Clients of 'ctx' say that they know NPN. */
void tls_hooks_offer_npn (SSL_CTX *ctx);

void tls_hook_keylog (const SSL *ssl, const char *line);

unsigned tls_hook_psk_server (SSL *ssl, const char *identity,
                              unsigned char *psk, unsigned size);
unsigned tls_hook_psk_client (SSL *ssl, const char *hint, char *identity,
                              unsigned identity_size, unsigned char *psk,
                              unsigned size);

#endif
