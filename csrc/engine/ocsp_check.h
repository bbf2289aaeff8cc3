/*
** ocsp_check: a client looks at what the server has stapled (RFC 6066, 8; RFC
** 7633), inside the handshake, and at what a session says of that.
*/
#ifndef tls_engine_ocsp_check_h
#define tls_engine_ocsp_check_h

#include "engine.h"

/* The chain has been verified: keep the issuer for what is stapled, which may
** come later. */
void tls_ocsp_keep_issuer (struct tls_engine *e, X509_STORE_CTX *ctx);

/* All of the server's part has come: note in the tls_peer what is wrong with
** the response, or with its lack, and in the session what was looked at. False
** when the server is to be refused. */
bool tls_ocsp_check (struct tls_engine *e);

/* Was the handshake that has made this session as strict as this client? */
bool tls_ocsp_session_suffices (const struct tls_engine *e,
                                const SSL_SESSION *session);

#endif
