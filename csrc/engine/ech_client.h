/*
** ech_client: a client that hides its ClientHello (RFC 9849), and on either
** side what became of that. A client that was asked to hide it never goes on as
** though it had: a handshake whose ECH was not accepted fails.
*/
#ifndef tls_engine_ech_client_h
#define tls_engine_ech_client_h

#include "engine.h"

/* Prepare the SSL of a client, whose servername is set. False when OpenSSL
** refuses the list, or has no ECH; its queue says why. */
bool tls_ech_client_set (struct tls_engine *e,
                         const struct tls_engine_options *o);

/* Has the handshake been what the client was asked for? */
bool tls_ech_client_satisfied (const struct tls_engine *e);

#endif
