/*
** away: a server's step that signs runs on a thread of libuv's pool. Meanwhile
** the engine belongs to that thread: this one neither reads nor writes its
** fields. Who needs it here, a method that Lua calls, calls it back, which
** waits for the step at most; so everything else works as without threads.
*/
#ifndef tls_connection_away_h
#define tls_connection_away_h

#include "connection_state.h"

/* If the next step of 'c' signs and its server has threads, let it go away, now
** or when it is its turn. True: nothing is to be done here meanwhile. */
bool tls_away_go (struct tls_connection *c);

/* The engine is wanted here: it comes back, with or without the step done. The
** connection is driven in the next turn, as if nobody had called. */
void tls_away_call_back (struct tls_connection *c);

/* The connection is closed: it is not waited for any more. */
void tls_away_leave (struct tls_connection *c);

/* core.handshakesAway() -> integer: how many steps are with libuv. */
int tls_away_count (lua_State *L);

/* The most that may be away at a time: libuv's pool is others', too. */
unsigned tls_away_most (void);

#endif
