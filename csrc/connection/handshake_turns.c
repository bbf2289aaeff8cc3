/*
** handshake_turns: a budget for handshakes, see handshake_turns.h.
*/
#include "handshake_turns.h"

#include <errno.h>
#include <time.h>

#include "events.h"
#include "transport_failure.h"

uint64_t tls_handshake_turns_clock (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Nothing but the queue begins a new budget. libuv's clock would not do to tell
** turns apart: who starts a timer sets it, in the middle of one. So now and
** then a handshake that comes alone waits for the next turn, which is there at
** once. */
static bool is_spent (const struct tls_lua_state *state) {
  const struct tls_handshake_budget *b = &state->handshakes;
  return b->queued || b->spent >= b->budget;
}

bool tls_handshake_turns_client_gone (struct tls_connection *c) {
  struct tls_records *records = tls_engine_records(c->engine);
  if (!records->eof || !tls_engine_hello_unanswered(c->engine))
    return false;
  tls_records_drop(records);
  if (SSL_in_before(tls_engine_ssl(c->engine)))
    return true; /* the step says so */
  tls_engine_fail(c->engine, "ECONNRESET", "socket hang up");
  c->events |= TLS_EV_ERROR;
  return true;
}

/* Without memory to queue it, it does not wait. Lua is entered, where a
** finalizer may run the loop, which reads, and runs the queue. */
static bool wait_for_turn (struct tls_connection *c) {
  if (!tls_records_keep(tls_engine_records(c->engine)))
    tls_connection_fail_read(c, -ENOMEM);
  c->turn_waits = true;
  if (!tls_connection_emit_turn(c)) {
    c->turn_waits = false;
    return false;
  }
  c->lua->handshakes.queued = true;
  return true;
}

bool tls_handshake_turns_may_step (struct tls_connection *c) {
  if (!tls_engine_handshake_due(c->engine) || c->turn_taken)
    return true;
  if (c->turn_waits)
    return tls_handshake_turns_client_gone(c);
  return !is_spent(c->lua) || tls_handshake_turns_client_gone(c) ||
         !wait_for_turn(c);
}

bool tls_handshake_turns_waits (const struct tls_connection *c) {
  return c->turn_waits || c->away != NULL;
}

bool tls_handshake_turns_reads_on (const struct tls_connection *c) {
  return tls_handshake_turns_waits(c) &&
         tls_records_unread(tls_engine_records(c->engine)) < TLS_MOST_WAITING;
}

void tls_handshake_turns_spend (struct tls_lua_state *state, uint64_t began) {
  state->handshakes.spent += tls_handshake_turns_clock() - began;
}

bool tls_handshake_turns_take (struct tls_connection *c) {
  struct tls_handshake_budget *b = &c->lua->handshakes;
  if (!c->turn_waits)
    return b->spent < b->budget;
  c->turn_waits = false;
  c->turn_taken = true;
  c->drive(c);
  c->turn_taken = false;
  return b->spent < b->budget;
}

int tls_handshake_turns_begin (lua_State *L) {
  tls_lua_state_get(L)->handshakes.spent = 0;
  return 0;
}

int tls_handshake_turns_end (lua_State *L) {
  tls_lua_state_get(L)->handshakes.queued = false;
  return 0;
}

int tls_handshake_turns_set_budget (lua_State *L) {
  lua_Integer us = luaL_checkinteger(L, 1);
  tls_lua_state_get(L)->handshakes.budget = us > 0 ? (uint64_t)us * 1000 : 0;
  return 0;
}
