/*
** handshake_peer: gives each handshake a tls_peer of its own when it begins,
** which replaces the previous one when the handshake has finished.
*/
#ifndef tls_engine_handshake_peer_h
#define tls_engine_handshake_peer_h

#include "engine.h"

/* A handshake begins: 'next_peer' is made. False when there is no memory; the
** engine has failed then. */
bool tls_handshake_peer_begin (struct tls_engine *e);

/* If the last message of the handshake under way has been read, it ends here:
** 'next_peer' becomes 'peer', and the gate is shut. To be called after
** OpenSSL has returned without an error. */
void tls_handshake_peer_end (struct tls_engine *e);

#endif
