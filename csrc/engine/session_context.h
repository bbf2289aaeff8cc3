/*
** session_context: the session id context of a server, which says where its
** sessions are valid: SSL_set_session_id_context(3).
**
** A server that asks for a client's certificate makes its sessions valid only
** where the same is asked: its session id context is a hash of all that a
** client is verified by. OpenSSL compares it for tickets, stored sessions and
** its own cache alike. A session that does not fit is declined; a full
** handshake follows, which asks for the certificate.
*/
#ifndef tls_engine_session_context_h
#define tls_engine_session_context_h

#include "engine.h"
#include "ex_data.h" /* TLS_SESSION_CONTEXT_SIZE */

/* Mix 'data' into a hash of TLS_SESSION_CONTEXT_SIZE bytes. False when
** OpenSSL cannot. */
bool tls_session_context_mix (unsigned char *hash, const void *data, size_t n);

/* Clients of 'ctx' are verified by this too (anchors, revocation lists,
** flags). False when there is no memory. */
bool tls_session_context_add (SSL_CTX *ctx, const void *data, size_t n);

/* Set the session id context of a new server that asks for a certificate. */
bool tls_session_context_set (struct tls_engine *e,
                              const struct tls_engine_options *o);

/* The ClientHello has chosen 'ctx': mix its trust, its certificate and the
** server name in. */
bool tls_session_context_bind (struct tls_engine *e, const SSL_CTX *ctx);

/* Was 'session' made under the same session id context? */
bool tls_session_context_matches (const struct tls_engine *e,
                                  const SSL_SESSION *session);

#endif
