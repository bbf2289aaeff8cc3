/*
** raw_keys: raw public keys instead of certificates (RFC 7250): which of the
** two a context shows and accepts, and which keys it trusts.
*/
#ifndef tls_engine_raw_keys_h
#define tls_engine_raw_keys_h

#include "ex_data.h"
#include "peer.h"

/* Those of 'ctx', made when there are none. NULL when there is no memory. */
struct tls_raw_keys *tls_raw_keys_make (SSL_CTX *ctx);

/* Trust 'key', which gets a reference. Also decides which sessions of a
** client may be resumed. False when there is no memory. */
bool tls_raw_keys_trust (SSL_CTX *ctx, EVP_PKEY *key);

/* Offer and take what 'ctx' says, on a connection that has sent and read
** nothing of it. False when OpenSSL cannot. */
bool tls_raw_keys_apply (SSL *ssl, const SSL_CTX *ctx);

/* Judge what 'peer' has shown by the rules of the connection's context. A
** result of its chain stays, unless a certificate is not to be shown. */
void tls_raw_keys_judge (struct tls_peer *peer, const SSL *ssl);

/* Would the peer of this session be accepted as it was? */
bool tls_raw_keys_fit_session (const SSL *ssl, SSL_SESSION *session);

#endif
