/*
** verify_chain: verifies the peer's chain of certificates within the
** handshake. The result is noted in the handshake's tls_peer. A client's
** handshake is then suspended until the owner has answered TLS_EV_VERIFY.
*/
#ifndef tls_engine_verify_chain_h
#define tls_engine_verify_chain_h

#include "engine.h"

/* SSL_CTX_set_cert_verify_callback(3) */
int tls_on_verify (X509_STORE_CTX *ctx, void *arg);

#endif
