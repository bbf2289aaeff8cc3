/*
** client_hello_callback: suspends a server's handshake at the ClientHello
** until its owner has answered TLS_EV_CLIENT_HELLO: with a context, protocols,
** a session and an OCSP response, or with a refusal.
*/
#ifndef tls_engine_client_hello_callback_h
#define tls_engine_client_hello_callback_h

#include "engine.h"

/* SSL_CTX_set_client_hello_cb(3) */
int tls_on_client_hello (SSL *ssl, int *alert, void *arg);

/* SSL_CTX_set_tlsext_servername_callback(3) */
int tls_on_servername (SSL *ssl, int *alert, void *arg);

#endif
