/*
** handshake_watch: notices that another handshake begins or ends on a
** connection that is secure, and prints or notes messages.
*/
#ifndef tls_engine_handshake_watch_h
#define tls_engine_handshake_watch_h

#include "engine.h"

/* Install the callbacks that the state of the connection needs now. */
void tls_handshake_watch (struct tls_engine *e);

#endif
