/*
** callbacks: the table of what OpenSSL calls on every connection.
**
** A callback stands in the unit of its subject. It copies what OpenSSL shows,
** sets an event bit, and suspends the handshake or applies the answer that is
** there. It never enters Lua.
**
** Other callbacks are installed by their units, because only some contexts or
** connections need them: ticket keys (session_tickets.c), pre-shared keys
** (psk.c), a client's NPN (alpn.c), the key log (keylog.c), and messages and
** states of later handshakes (handshake_watch.c).
*/
#ifndef tls_engine_callbacks_h
#define tls_engine_callbacks_h

#include <openssl/ssl.h>

/* Give 'ctx' the callbacks that every engine needs. */
void tls_callbacks_install (SSL_CTX *ctx);

#endif
