/*
** sessions: the sessions of a connection: which ones may be resumed, and which
** ones are kept for the owner. The keys of tickets are in session_tickets.c.
*/
#ifndef tls_sessions_h
#define tls_sessions_h

#include "engine.h"

/* SSL_CTX_sess_set_new_cb(3): a session was made; 1 keeps the reference. */
int tls_on_new_session (SSL *ssl, SSL_SESSION *session);

/* SSL_CTX_sess_set_get_cb(3): the stored session for a client's id. */
SSL_SESSION *tls_on_get_session (SSL *ssl, const unsigned char *id, int size,
                                 int *copy);

/* SSL_CTX_set_session_ticket_cb(3): a ticket is about to be sealed, ... */
int tls_on_ticket_made (SSL *ssl, void *arg);

/* ... or was opened. */
SSL_TICKET_RETURN tls_on_ticket_opened (SSL *ssl, SSL_SESSION *session,
                                        const unsigned char *key,
                                        size_t key_size,
                                        SSL_TICKET_STATUS status, void *arg);

/* Client: keep the fresh ticket that may come with a resumption. */
void tls_sessions_note_renewal (struct tls_engine *e);

#endif
