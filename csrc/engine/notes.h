/*
** notes: messages that an owner wants to be told of who shows the steps of a
** connection.
*/
#ifndef tls_engine_notes_h
#define tls_engine_notes_h

#include "engine.h"

/* Messages that are kept until the owner takes them; further ones are
** dropped. */
#define TLS_MAX_NOTES 8

/* The caller's: free(3). NULL when there is no memory. */
struct tls_notes *tls_notes_new (void);

/* Note a message, if it is of the kind that is noted. The engine's owner wants
** notes. */
void tls_notes_add (struct tls_engine *e, bool sent, int content,
                    const unsigned char *message, size_t size);

#endif
