/*
** drive: the loop that runs a connection, see drive.h.
**
** One round runs OpenSSL over what has been received, tells Lua what came of
** it, encrypts and sends. Each call into Lua may run any code: it may write,
** close the connection or run libuv's loop. So after each of them the loop
** looks whether the connection has been closed, and a call of
** tls_connection_drive() from within asks for another round.
*/
#include "drive.h"

#include <errno.h>

#include "away.h"
#include "connection.h"
#include "events.h"
#include "handshake_turns.h"
#include "read.h"
#include "transport_failure.h"
#include "write.h"

static void emit_event (struct tls_connection *c, unsigned event,
                        enum tls_handler which) {
  if (tls_connection_is_over(c) || (c->events & event) == 0)
    return;
  c->events &= ~event;
  tls_connection_emit(c, which);
}

static bool has_failed (const struct tls_connection *c) {
  if ((c->events & TLS_EV_ERROR) != 0)
    return true;
  return c->transport_failure != TLS_FAILURE_NONE &&
         !tls_connection_awaits_alert(c);
}

/* The last event of all. */
static void emit_failure (struct tls_connection *c) {
  if (tls_connection_is_over(c) || !has_failed(c))
    return;
  c->life = TLS_LIFE_FAILED;
  tls_connection_emit(c, TLS_ON_error);
}

/* At most once in a drive: a writer that writes again at each 'drain' must
** let other connections have their turn. */
static void emit_written (struct tls_connection *c) {
  if (tls_connection_is_over(c) || !c->written_wanted || c->written_told)
    return;
  if (!tls_connection_all_sent(c))
    return;
  c->written_wanted = false;
  c->written_told = true;
  tls_connection_emit(c, TLS_ON_written);
}

/* An event for each session that the engine has; it keeps no more than
** these. */
static void emit_sessions (struct tls_connection *c) {
  int i;
  unsigned was = c->events & TLS_EV_SESSION;
  for (i = 0; i < TLS_MAX_SESSIONS; i++) {
    c->events |= was;
    emit_event(c, TLS_EV_SESSION, TLS_ON_session);
  }
}

/* When there is no memory, the connection fails: no byte may be missing in
** what Lua gets. */
static void emit_data_alone (struct tls_connection *c, enum tls_handler which,
                             const char *data, size_t n) {
  bool told = tls_connection_emit_bytes(c, which, data, n);
  if (!told && !tls_connection_is_closed(c))
    tls_connection_fail_read(c, -ENOMEM);
}

/* The peer sent the tickets before the data, so Lua hears of them before. The
** data become a string first: the listener of 'session' may let 'data' be
** overwritten. */
static void emit_data_after_sessions (struct tls_connection *c,
                                      enum tls_handler which, const char *data,
                                      size_t n) {
  int kept = tls_connection_keep_bytes(c, data, n);
  if (kept == LUA_NOREF) {
    tls_connection_fail_read(c, -ENOMEM);
    return;
  }
  emit_sessions(c);
  tls_connection_emit_kept(c, which, kept);
}

static void emit_data (struct tls_connection *c, const char *data, size_t n) {
  bool early = (c->events & TLS_EV_EARLY_DATA) != 0;
  enum tls_handler which = early ? TLS_ON_earlyData : TLS_ON_data;
  c->events &= ~(unsigned)TLS_EV_EARLY_DATA;
  if ((c->events & TLS_EV_SESSION) == 0)
    emit_data_alone(c, which, data, n);
  else
    emit_data_after_sessions(c, which, data, n);
}

/* None while Lua has paused. When the transport has failed, Lua gets what is
** left all the same: 'error' comes after it, and Lua may never resume.
** (Early data has an event of its own, which pausing does not stop.) */
static size_t room_for_data (const struct tls_connection *c) {
  if (c->paused && c->transport_failure == TLS_FAILURE_NONE &&
      tls_connection_reading_paused(c))
    return 0;
  return TLS_PLAINTEXT_SIZE;
}

/* How much Lua was given although it had paused. */
static void count_read_ahead (struct tls_connection *c, size_t n) {
  if (!c->paused)
    c->read_ahead = 0;
  else if (tls_engine_renegotiating(c->engine))
    c->read_ahead += n;
}

/* What a step of the first handshake takes is counted. */
static void run_engine (struct tls_connection *c, char *plain, size_t room,
                        size_t *got) {
  struct tls_lua_state *state = c->lua;
  bool counts = tls_engine_handshake_due(c->engine);
  uint64_t began = counts ? tls_handshake_turns_clock() : 0;
  c->events |= tls_engine_step(c->engine, plain, room, got);
  if (counts)
    tls_handshake_turns_spend(state, began);
}

/* Before Lua is entered, what was received and not read is copied out of the
** shared read buffer. */
static void step_into (struct tls_connection *c, char *plain) {
  size_t got, room = room_for_data(c);
  run_engine(c, plain, room, &got);
  if (tls_connection_is_closed(c))
    return; /* by the callback for a pre-shared key */
  tls_connection_keep_unread(c);
  if (got == 0)
    return;
  tls_lua_state_note_plaintext(c->lua, got);
  count_read_ahead(c, got);
  if (got == room || tls_engine_renegotiating(c->engine) ||
      (c->events & TLS_EV_EARLY_DATA) != 0)
    c->drive_again = true; /* there may be more: behind early data the rest of
                              the handshake */
  emit_data(c, plain, got);
}

/* The plaintext lies in a buffer that no other connection uses meanwhile: Lua
** may run libuv's loop, which drives them. */
static void step (struct tls_connection *c) {
  if (tls_away_go(c))
    return;
  if (!tls_handshake_turns_may_step(c)) {
    tls_connection_keep_unread(c);
    return;
  }
  char *plain = tls_lua_state_take_buffer(c->lua);
  if (plain == NULL) {
    tls_connection_fail_read(c, -ENOMEM);
    return;
  }
  step_into(c, plain);
  tls_lua_state_give_buffer(c->lua, plain);
}

/* An event for each note that the engine has. Lua writes them down. */
static void emit_notes (struct tls_connection *c) {
  if ((c->events & TLS_EV_NOTES) == 0)
    return;
  struct tls_note note;
  c->events &= ~(unsigned)TLS_EV_NOTES;
  while (!tls_connection_is_over(c) && tls_engine_take_note(c->engine, &note))
    tls_connection_emit_note(c, &note);
}

static void emit_handshake (struct tls_connection *c) {
  if (c->events == 0)
    return;
  emit_notes(c);
  emit_event(c, TLS_EV_KEYLOG, TLS_ON_keylog);
  emit_event(c, TLS_EV_CLIENT_HELLO, TLS_ON_clientHello);
  emit_event(c, TLS_EV_OCSP, TLS_ON_ocsp);
  emit_event(c, TLS_EV_VERIFY, TLS_ON_verify);
  emit_event(c, TLS_EV_RENEGOTIATING, TLS_ON_renegotiating);
  emit_event(c, TLS_EV_RENEGOTIATED, TLS_ON_renegotiated);
  emit_sessions(c);
  emit_event(c, TLS_EV_SECURE, TLS_ON_secure);
}

/* The peer has ended the connection in the middle of a later handshake. What
** is still to be written waits for the end of that handshake, which never
** comes. */
static void check_stuck (struct tls_connection *c) {
  if (!tls_engine_handshake_cut_off(c->engine) ||
      tls_connection_unsent(c) == 0 || tls_engine_failed(c->engine))
    return;
  tls_engine_fail(c->engine, "ECONNRESET",
                  "the peer has ended the connection in a handshake");
  c->events |= TLS_EV_ERROR;
}

/* In the last round of a drive. Records leave together then: sent one by one,
** Nagle's algorithm would hold the second back. They leave before the end and
** the failure are told, because one of them may be the alert. */
static void finish_round (struct tls_connection *c) {
  if (c->drive_again)
    return;
  tls_connection_flush(c);
  tls_connection_emit_records(c);
  if (c->transport_failure != TLS_FAILURE_NONE &&
      tls_engine_truncated(c->engine))
    c->events &= ~(unsigned)TLS_EV_EOF; /* it was this failure, not an end */
  if (!c->drive_again)
    emit_event(c, TLS_EV_EOF, TLS_ON_eof);
  if (!c->drive_again)
    emit_failure(c);
}

static void drive_round (struct tls_connection *c) {
  step(c);
  if (tls_connection_is_closed(c) || c->is_away)
    return;
  if (c->transport_failure == TLS_FAILURE_WRITE)
    tls_connection_excuse_write(c);
  emit_handshake(c);
  if (tls_connection_is_closed(c))
    return;
  if (c->pending != NULL)
    tls_connection_encrypt_pending(c);
  check_stuck(c);
  finish_round(c);
  emit_written(c);
}

/* Is there work that no callback of libuv's will bring the loop back to? */
static bool has_work_left (const struct tls_connection *c) {
  if (tls_connection_is_over(c) || c->transport_failure != TLS_FAILURE_NONE ||
      c->output != TLS_OUTPUT_IDLE)
    return false;
  if (c->written_wanted && tls_connection_all_sent(c))
    return true; /* 'written' was emitted in this drive already */
  return tls_connection_may_encrypt(c);
}

/* Lua calls drive() in the next turn of the loop, after the others. */
static void ask_for_drive (struct tls_connection *c) {
  if (c->drive_asked || !has_work_left(c))
    return;
  c->drive_asked = true;
  tls_connection_emit(c, TLS_ON_driveLater);
}

static void run_rounds (struct tls_connection *c) {
  do {
    c->drive_again = false;
    drive_round(c);
    if (!c->drive_again && !tls_connection_is_closed(c))
      tls_connection_update_reading(c);
  } while (c->drive_again && !tls_connection_is_closed(c) && !c->is_away);
}

void tls_connection_drive (struct tls_connection *c) {
  if (c->is_away)
    return; /* it is driven when it has come back */
  if (c->driving) {
    c->drive_again = true;
    return;
  }
  c->driving = true;
  c->drive_asked = c->written_told = false;
  run_rounds(c);
  if (!tls_connection_is_closed(c) && !c->is_away)
    ask_for_drive(c);
  c->driving = false;
  tls_connection_release(c);
}
