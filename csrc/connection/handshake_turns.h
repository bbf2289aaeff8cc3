/*
** handshake_turns: how much of a turn of libuv's loop handshakes may take. A
** full handshake with RSA holds the loop for half a millisecond; many clients
** that come at once would hold up all the others, who only want a message
** answered. So a turn has a budget. A step of a handshake that comes when it
** is spent waits in a queue, which is Lua's (lua/tls/handshake/turns.lua) and
** runs in later turns, behind the others' reads and writes.
*/
#ifndef tls_connection_handshake_turns_h
#define tls_connection_handshake_turns_h

#include "connection_state.h"

/* Bytes of what a peer sends while its step waits: a ClientHello and then
** some. With as many unread nothing more is read, and no more in one read. */
#define TLS_MOST_WAITING (16 * 1024)

/* May 'c' run a step of its first handshake now? When not, Lua has been told
** to call conn:takeTurn() later, and what was received is to be kept. */
bool tls_handshake_turns_may_step (struct tls_connection *c);

/* Does a step wait, for its turn or for a thread? What has been received comes
** before the end of the transport, which may be told only behind that step: it
** may be the alert that says why. */
bool tls_handshake_turns_waits (const struct tls_connection *c);

/* Reads on although bytes wait for their turn: so the end of a client that has
** gone is seen, and epoll is not told twice. */
bool tls_handshake_turns_reads_on (const struct tls_connection *c);

/* Has the client of a first step ended? What it has sent is dropped then: it
** cannot finish the handshake, and is not worth a signature. */
bool tls_handshake_turns_client_gone (struct tls_connection *c);

uint64_t tls_handshake_turns_clock (void);

/* A step has taken the time since 'began', of the clock above. */
void tls_handshake_turns_spend (struct tls_lua_state *state, uint64_t began);

/* Makes the step that waits. Is there budget left? */
bool tls_handshake_turns_take (struct tls_connection *c);

/* core.beginTurn(): the queue begins to run in a turn of the loop, with a new
** budget. */
int tls_handshake_turns_begin (lua_State *L);

/* core.endTurns(): the queue is empty. */
int tls_handshake_turns_end (lua_State *L);

/* core.handshakeBudget(microseconds): for specs; 0 lets every step wait. */
int tls_handshake_turns_set_budget (lua_State *L);

#endif
