/*
** handshake_watch: notices that another handshake begins or ends on a
** connection that is secure, and that an alert ends one, and prints or notes
** messages.
*/
#ifndef tls_engine_handshake_watch_h
#define tls_engine_handshake_watch_h

#include "engine.h"

/* SSL_CTX_set_info_callback(3): states of later handshakes, and alerts. */
void tls_on_info (const SSL *ssl, int where, int value);

/* Install the callbacks that the state of the connection needs now. */
void tls_handshake_watch (struct tls_engine *e);

#endif
