/*
** events: a connection's events enter Lua here, and nowhere else.
*/
#ifndef tls_events_h
#define tls_events_h

#include "connection_state.h"

/* Each enters Lua through the door; afterwards look at
 * tls_connection_is_closed(). */
void tls_connection_emit (struct tls_connection *c, enum tls_handler which);

/* The same, with bytes. They become a string before anything of the user's is
** run. False when there was no memory for it: they are lost. */
bool tls_connection_emit_bytes (struct tls_connection *c,
                                enum tls_handler which, const char *data,
                                size_t size);

/* In two steps, when something else is to be told before: keep the bytes as a
** string, by a registry reference, and tell or drop them. */
int tls_connection_keep_bytes (struct tls_connection *c, const char *data,
                               size_t size); /* or
         LUA_NOREF: no memory */
void tls_connection_emit_kept (struct tls_connection *c, enum tls_handler which,
                               int ref);

/* For pre-shared keys alone: called on OpenSSL's stack, and answered at once.
** 'text' is the hint (may be NULL) or the identity; 'identity' may be NULL.
** The size of the key, 0 for none. */
struct tls_psk_answer {
  char *identity;
  size_t identity_size;
  unsigned char *key;
  size_t key_size;
};
unsigned tls_connection_emit_psk (struct tls_connection *c, const char *text,
                                  size_t text_size,
                                  struct tls_psk_answer *answer);

#endif
