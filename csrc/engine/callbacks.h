/*
** hooks: the functions that OpenSSL calls to verify a peer, to agree on
** protocols, and when something has happened; those for sessions are in
** engine_sessions.c, for pre-shared keys in engine_psk.c, for tickets in
** tickets.c. A hook copies what it is shown, sets an event bit, and suspends or
** applies the answer that is there. It never enters Lua.
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

#endif
