/*
** psk: pre-shared keys. OpenSSL cannot wait for them, so the owner is asked
*while
** OpenSSL runs: see tls_engine_busy().
*/
#ifndef tls_psk_h
#define tls_psk_h

#include "engine.h"

/* Give a new engine the callbacks of its options. */
bool tls_psk_set (struct tls_engine *e, const struct tls_engine_options *o);

/* Has a key of this connection's made the session (TLS 1.3)? Also one that was
** copied from that. */
bool tls_psk_made_session (const SSL_SESSION *session);

/* Has a pre-shared key made the handshake of 'peer', which has finished? */
bool tls_psk_authenticated (const struct tls_engine *e,
                            const struct tls_peer *peer);

#endif
