/*
** secure_context: a userdata over an SSL_CTX, which any number of connections
** share. It is built from options; later only CA certificates may be added and
** the ticket keys be changed. Used by methods.c and commands.c of connections.
*/
#ifndef tls_credentials_secure_context_h
#define tls_credentials_secure_context_h

#include <openssl/ssl.h>

#include "lua/compat.h"

/* Register the metatable. [-0, +0] */
void tls_secure_context_open (lua_State *L);

/* The SSL_CTX of the context at 'arg'. Borrowed. Throws when it is not one. */
SSL_CTX *tls_secure_context_check (lua_State *L, int arg);

/* A peer is about to be verified by the context at 'arg': load the default CA
** certificates, if it uses them. Throws when that fails. */
void tls_secure_context_need_anchors (lua_State *L, int arg);

/* core.context(options) -> context. The options are as
** lua/tls/secure_context.lua has normalised them. For one that OpenSSL
** refuses -> nil, the error, the option's name, the index of the entry in its
** list (0: no list), the security level (@SECLEVEL) in force. */
int tls_secure_context_new (lua_State *L);

/* core.addCACert(context, pem): trust these certificates, too, in this
** context alone. -> true; nil and the error, for a text that holds none. */
int tls_secure_context_add_ca (lua_State *L);

/* core.ticketKeys(context[, keys]) -> the keys in use, newest first, and the
** newest alone, after setting them if they are given. */
int tls_secure_context_ticket_keys (lua_State *L);

/* core.contextCertificate(context) -> the DER of its certificate and of the
** issuer's; nil for what there is not. */
int tls_secure_context_certificate (lua_State *L);

/* core.contextHasKey(context) -> boolean: is there a key for the certificate
** that core.contextCertificate gives? */
int tls_secure_context_has_key (lua_State *L);

#endif
