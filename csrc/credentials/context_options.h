/*
** context_options: the options of a secure context, each applied to an
** SSL_CTX. Used by secure_context.c.
*/
#ifndef tls_credentials_context_options_h
#define tls_credentials_context_options_h

#include <stdbool.h>

#include <openssl/ssl.h>

#include "engine/openssl_error.h"
#include "lua/compat.h"

/* An option whose value OpenSSL does not take. */
struct tls_refused_option {
  const char *name;
  int index; /* of the entry in its list, from 1; 0: it is no list */
  struct tls_error error;
};

/* Apply the options in the table at index 1, as lua/tls/secure_context.lua
** has normalised them. False at the first one that OpenSSL refuses. May throw,
** so something that Lua collects owns 'ctx'. [-0, +0] */
bool tls_context_options_apply (lua_State *L, SSL_CTX *ctx,
                                struct tls_refused_option *refused);

/* Set the ticket keys in the string on top of the stack, newest first.
** [-0, +0] */
void tls_context_options_set_ticket_keys (lua_State *L, SSL_CTX *ctx);

#endif
