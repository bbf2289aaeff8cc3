/*
** context: userdata over an SSL_CTX, built once from options and read-only
** from then on. Any number of connections share it.
*/
#ifndef tls_secure_context_h
#define tls_secure_context_h

#include <openssl/ssl.h>

#include "lua/compat.h"

/* Register the userdata's metatable. [-0, +0] */
void tls_secure_context_open (lua_State *L);

/* The SSL_CTX of the context at 'arg'; borrowed. Throws when it is none. */
SSL_CTX *tls_secure_context_check (lua_State *L, int arg);

/* The context at 'arg' is about to verify somebody: it needs its anchors. */
void tls_secure_context_need_anchors (lua_State *L, int arg);

/* core.addCACert(context, pem): an anchor for this context alone. */
int tls_secure_context_add_ca (lua_State *L);

/* core.ticketKeys(context[, keys]) -> the newest key; sets them first. */
int tls_secure_context_ticket_keys (lua_State *L);

/* core.contextCertificate(context) -> its certificate and that one's issuer in
** DER; nil for what is not there. */
int tls_secure_context_certificate (lua_State *L);

/* core.context(options): options as lua/tls/context.lua has normalised them.
** Throws an error table with OpenSSL's reason. */
int tls_secure_context_new (lua_State *L);

#endif
