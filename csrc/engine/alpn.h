/*
** alpn: agrees on the application's protocol, by ALPN (RFC 7301) or by its
** predecessor NPN (up to TLS 1.2).
*/
#ifndef tls_alpn_h
#define tls_alpn_h

#include "engine.h"

/* SSL_CTX_set_alpn_select_cb(3) */
int tls_on_alpn (SSL *ssl, const unsigned char **out, unsigned char *outlen,
                 const unsigned char *in, unsigned inlen, void *arg);

/* SSL_CTX_set_next_protos_advertised_cb(3) */
int tls_on_npn_advertise (SSL *ssl, const unsigned char **out, unsigned *size,
                          void *arg);

/* Give a new engine the protocols of its options. False when memory is out or
** OpenSSL refuses them. */
bool tls_alpn_set (struct tls_engine *e, const struct tls_engine_options *o);
bool tls_npn_set (struct tls_engine *e, const struct tls_engine_options *o);

#endif
