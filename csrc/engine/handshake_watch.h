/*
** handshake_watch: notices on a secure connection that the peer begins or
** finishes another handshake, whoever asked for it.
*/
#ifndef tls_handshake_watch_h
#define tls_handshake_watch_h

#include "engine.h"

/* Install what notices the handshakes that may come now, and shows messages
** where tls_engine_trace() asked for it. */
void tls_handshake_watch (struct tls_engine *e);

#endif
