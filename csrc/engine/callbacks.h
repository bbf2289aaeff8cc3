/*
** callbacks: installs the callbacks that every connection needs.
**
** A callback stands in the file of its subject. It copies what OpenSSL shows,
** sets an event bit, and suspends the handshake or applies the answer that is
** there. It never enters Lua.
**
** Other callbacks are not in this table, because only some contexts or
** connections need them. Their files install them: ticket keys
** (session_tickets.c), pre-shared keys (psk.c), a client's NPN (alpn.c), the
** key log (keylog.c), and messages (handshake_watch.c). Of all these, only the
*callbacks of psk.c may enter
** Lua, through the functions of the engine's owner.
*/
#ifndef tls_engine_callbacks_h
#define tls_engine_callbacks_h

#include <openssl/ssl.h>

/* Give 'ctx' the callbacks that every engine needs. */
void tls_callbacks_install (SSL_CTX *ctx);

#endif
