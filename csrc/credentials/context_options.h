/*
** context_options: the options of a secure context, each applied to an
** SSL_CTX. Used by secure_context.c.
*/
#ifndef tls_credentials_context_options_h
#define tls_credentials_context_options_h

#include <openssl/ssl.h>

#include "lua/compat.h"

/* Apply the options in the table at index 1, as lua/tls/secure_context.lua
** has normalised them. Throws what OpenSSL refuses; something else owns
** 'ctx'. */
void tls_context_options_apply (lua_State *L, SSL_CTX *ctx);

/* Set the ticket keys in the string on top of the stack, newest first.
** [-0, +0] */
void tls_context_options_set_ticket_keys (lua_State *L, SSL_CTX *ctx);

#endif
