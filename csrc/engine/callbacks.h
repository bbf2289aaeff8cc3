/*
** callbacks: the table of what OpenSSL calls on every connection. Each function
** stands in the unit of its subject. It copies what it is shown, sets an event
** bit, and suspends the handshake or applies the answer that is there. It never
** enters Lua.
**
** Four more are installed by their units, only where they are needed:
*pre-shared
** keys (psk.c), NPN of a client (alpn.c), the key log (keylog.c), and messages
** and states of later handshakes (handshake_watch.c). That of ticket keys is
** installed with them (session_tickets.c).
*/
#ifndef tls_callbacks_h
#define tls_callbacks_h

#include <openssl/ssl.h>

/* Give 'ctx' the callbacks that every engine needs. */
void tls_callbacks_install (SSL_CTX *ctx);

#endif
