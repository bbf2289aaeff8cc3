/*
** alpn: agrees with the peer on the application's protocol, by ALPN (RFC 7301)
** or by NPN, its predecessor up to TLS 1.2.
*/
#ifndef tls_engine_alpn_h
#define tls_engine_alpn_h

#include "engine.h"

/* SSL_CTX_set_alpn_select_cb(3): server */
int tls_on_alpn_select (SSL *ssl, const unsigned char **out,
                        unsigned char *out_size, const unsigned char *in,
                        unsigned in_size, void *arg);

/* SSL_CTX_set_next_protos_advertised_cb(3): server */
int tls_on_npn_advertise (SSL *ssl, const unsigned char **out, unsigned *size,
                          void *arg);

/* Give a new engine the protocols of its options. False when there is no
** memory, or when OpenSSL refuses them. */
bool tls_alpn_set (struct tls_engine *e, const struct tls_engine_options *o);

#endif
