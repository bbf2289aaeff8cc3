/*
** handshake_peer: gives each handshake a tls_peer of its own when it begins,
*and
** puts it in the place of the previous one when the handshake has finished.
*/
#ifndef tls_handshake_peer_h
#define tls_handshake_peer_h

#include "engine.h"

/* A handshake begins. False when memory is out; the engine has failed then. */
bool tls_handshake_begin (struct tls_engine *e);

/* The handshake under way ends here if its last message has been read. To be
** called after OpenSSL has returned without an error. */
void tls_handshake_end (struct tls_engine *e);

#endif
