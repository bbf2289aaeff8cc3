/*
** sessions: decides which sessions may be resumed, and keeps new ones until
** the owner takes them. The keys of tickets are in session_tickets.c.
*/
#ifndef tls_engine_sessions_h
#define tls_engine_sessions_h

#include "engine.h"

/* SSL_CTX_sess_set_new_cb(3): a session was made. 1 keeps the reference. */
int tls_on_new_session (SSL *ssl, SSL_SESSION *session);

/* SSL_CTX_sess_set_get_cb(3): server; a client wants to resume a session by
** its id. */
SSL_SESSION *tls_on_get_session (SSL *ssl, const unsigned char *id, int size,
                                 int *copy);

/* SSL_CTX_set_session_ticket_cb(3): server; a ticket is about to be
** encrypted, or was decrypted. */
int tls_on_ticket_made (SSL *ssl, void *arg);
SSL_TICKET_RETURN tls_on_ticket_decrypted (SSL *ssl, SSL_SESSION *session,
                                           const unsigned char *key,
                                           size_t key_size,
                                           SSL_TICKET_STATUS status, void *arg);

/* Client: the first handshake has finished; keep a renewed ticket. */
void tls_sessions_note_renewal (struct tls_engine *e);

#endif
