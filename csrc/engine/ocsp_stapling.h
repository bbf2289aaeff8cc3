/*
** ocsp_stapling: a server sends an OCSP response with its certificate (RFC
** 6066, 8); a client reports whether one has come.
*/
#ifndef tls_engine_ocsp_stapling_h
#define tls_engine_ocsp_stapling_h

#include "engine.h"

/* SSL_CTX_set_tlsext_status_cb(3) */
int tls_on_ocsp_status (SSL *ssl, void *arg);

#endif
