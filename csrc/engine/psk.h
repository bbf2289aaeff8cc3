/*
** psk: pre-shared keys. OpenSSL cannot wait for them, so the owner is asked
** while OpenSSL runs: see tls_engine_busy().
*/
#ifndef tls_engine_psk_h
#define tls_engine_psk_h

#include "engine.h"

/* Give a new engine the callbacks of its options. False when there is no
** memory, or when OpenSSL refuses the hint. */
bool tls_psk_set (struct tls_engine *e, const struct tls_engine_options *o);

/* Was the session (of TLS 1.3) made of a key, or copied from one that was? */
bool tls_psk_made_session (const SSL_SESSION *session);

/* Has a pre-shared key authenticated 'peer', whose handshake has finished? */
bool tls_psk_authenticated (const struct tls_engine *e,
                            const struct tls_peer *peer);

#endif
