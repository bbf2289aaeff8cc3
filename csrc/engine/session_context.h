/*
** session_context: decides where a server's sessions are good.
**
** A server that asks for a client's certificate makes its sessions good only
** where as much is asked: a hash of what it asks is the session id context,
** which OpenSSL compares for tickets, stored sessions and its own cache alike.
** What does not fit is declined: a full handshake follows, in which the
** certificate is asked for.
*/
#ifndef tls_session_context_h
#define tls_session_context_h

#include "engine.h"

#define TLS_SESSION_CONTEXT_SIZE 32 /* SHA-256; SSL_MAX_SID_CTX_LENGTH */

/* Mix 'data' into 'terms'. False when OpenSSL cannot. */
bool tls_session_context_mix (unsigned char *terms, const void *data, size_t n);

/* Clients of 'ctx' are verified by this too (anchors, revocations, flags): a
** session is good only where all of it is the same. */
bool tls_session_context_add (SSL_CTX *ctx, const void *data, size_t n);

/* Server: sessions are good only where as much is asked of the client. */
bool tls_session_context_set (struct tls_engine *e,
                              const struct tls_engine_options *o);

/* ... and under the name and the certificate that 'ctx' is chosen for. */
bool tls_session_context_bind (struct tls_engine *e, const SSL_CTX *ctx);

/* Was 'session' made where as much was asked as here? */
bool tls_session_context_matches (const struct tls_engine *e,
                                  const SSL_SESSION *session);

#endif
