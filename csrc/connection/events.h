/*
** events: a connection's events enter Lua here, and nowhere else. Each
** function calls the handler of that name, which the Lua layer has set once
** for all connections (core.handlers), with the connection's socket as its
** first argument. Used by read.c, write.c and the drive loop.
**
** When one of these returns, any Lua code may have been run: the connection
** may be closed (tls_connection_is_closed()).
*/
#ifndef tls_connection_events_h
#define tls_connection_events_h

#include "connection_state.h"

void tls_connection_emit (struct tls_connection *c, enum tls_handler which);

/* The step that is due waits for its turn. False when Lua could not keep it in
** mind: there was no memory. */
bool tls_connection_emit_turn (struct tls_connection *c);

/* Tell Lua of a message, for those who look at the steps. */
void tls_connection_emit_note (struct tls_connection *c,
                               const struct tls_note *note);

/* Emit an event with bytes, which become a Lua string before anything of the
** user's is run. False when there was no memory for the string: nothing was
** told. */
bool tls_connection_emit_bytes (struct tls_connection *c,
                                enum tls_handler which, const char *data,
                                size_t size);

/* The same in two steps, when something else has to be told between them.
** Make the string and return a registry reference to it; LUA_NOREF when there
** is no memory. */
int tls_connection_keep_bytes (struct tls_connection *c, const char *data,
                               size_t size);

/* Tell it, unless the connection has been closed, and release the
** reference. */
void tls_connection_emit_kept (struct tls_connection *c, enum tls_handler which,
                               int ref);

/* Where a pre-shared key is to be copied to. All borrowed from OpenSSL. */
struct tls_psk_answer {
  char *identity; /* client; NULL on a server */
  size_t identity_size;
  unsigned char *key;
  size_t key_size;
};

/* Ask Lua for a pre-shared key. OpenSSL is on the stack and needs the answer
** at once. 'text' is the server's hint (NULL when there is none) or the
** client's identity. Returns the size of the key, 0 for none. */
unsigned tls_connection_emit_psk (struct tls_connection *c, const char *text,
                                  size_t text_size,
                                  struct tls_psk_answer *answer);

#endif
