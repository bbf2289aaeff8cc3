/*
** ocsp_stapling: a server sends an OCSP response with its certificate (RFC
** 6066, 8); a client reports whether one has come.
*/
#ifndef tls_engine_ocsp_stapling_h
#define tls_engine_ocsp_stapling_h

#include "engine.h"

/* Staple this response to that certificate, in the context's connections from
** now on, up to 'until' (s since 1970), without asking anybody; none when
** 'size' is 0. An owner's answer to the ClientHello wins. False when there is
** no memory. */
bool tls_staple_set (SSL_CTX *ctx, X509 *cert, const unsigned char *der,
                     size_t size, int64_t until);

/* SSL_CTX_set_tlsext_status_cb(3) */
int tls_on_ocsp_status (SSL *ssl, void *arg);

#endif
