/*
** engine_sessions: what a server's sessions are good for. Plain C over OpenSSL.
*/
#ifndef tls_engine_sessions_h
#define tls_engine_sessions_h

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#define TLS_TERMS_SIZE 32 /* SHA-256; SSL_MAX_SID_CTX_LENGTH */

/* Mix 'data' into 'terms'. False when OpenSSL cannot. */
bool tls_terms_mix (unsigned char *terms, const void *data, size_t n);

/* Clients of 'ctx' are verified by this too (anchors, revocations, flags): a
** session is good only where all of it is the same. */
bool tls_context_verifies_by (SSL_CTX *ctx, const void *data, size_t n);

#endif
