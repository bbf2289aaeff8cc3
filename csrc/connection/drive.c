/*
** drive: the loop that every edge of a connection ends in.
**
** Whatever happens (bytes arrived, a write finished, Lua wrote, Lua answered)
** ends in tls_connection_drive(). Methods called from Lua never enter Lua
*again:
** they return true when they want to be driven, and Lua calls drive() from a
** fresh turn of the loop.
*/
#include "drive.h"

#include <errno.h>

#include "connection.h"
#include "events.h"
#include "read.h"
#include "transport.h"
#include "write.h"

static void emit_event (struct tls_connection *c, unsigned event,
                        enum tls_handler which) {
  if (c->closed || c->dead || (c->events & event) == 0)
    return;
  c->events &= ~event;
  tls_connection_emit(c, which);
}

/* Behind all that was received: step() has given it to Lua. */
static void emit_failure (struct tls_connection *c) {
  bool failed = (c->events & TLS_EV_ERROR) != 0 ||
                (c->io_error != 0 && !tls_connection_awaits_alert(c));
  if (!failed || c->closed || c->dead)
    return;
  c->dead = true;
  tls_connection_emit(c, TLS_ON_error);
}

/* At most once in a drive: a writer that refills on 'drain' goes on in the
** next turn of the loop. */
static void emit_written (struct tls_connection *c) {
  if (c->closed || c->dead || !c->written_wanted || c->written_told ||
      !tls_connection_all_sent(c))
    return;
  c->written_wanted = false;
  c->written_told = true;
  tls_connection_emit(c, TLS_ON_written);
}

/* Each is told by itself; the core keeps no more than these. */
static void emit_sessions (struct tls_connection *c) {
  int i;
  unsigned was = c->events & TLS_EV_SESSION;
  for (i = 0; i < TLS_MAX_SESSIONS; i++) {
    c->events |= was;
    emit_event(c, TLS_EV_SESSION, TLS_ON_session);
  }
}

/* A ticket is sent before the data that came with it, and told before it. */
static void emit_data (struct tls_connection *c, const char *data, size_t n) {
  enum tls_handler which =
      (c->events & TLS_EV_EARLY) != 0 ? TLS_ON_early : TLS_ON_data;
  c->events &= ~(unsigned)TLS_EV_EARLY;
  if ((c->events & TLS_EV_SESSION) == 0) {
    if (!tls_connection_emit_bytes(c, which, data, n) && !c->closed)
      tls_connection_transport_failed(c, -ENOMEM,
                                      false); /* no byte may be missing */
    return;
  }
  int kept = tls_connection_keep_bytes(c, data, n);
  if (kept == LUA_NOREF) {
    tls_connection_transport_failed(c, -ENOMEM, false);
    return;
  }
  emit_sessions(c);
  tls_connection_emit_kept(c, which, kept);
}

/* Early data comes by an event of its own, which pausing does not stop. Of a
** transport that has failed, Lua gets what is left, wanted or not: who pauses
** may never ask for it, and the failure stands behind it. */
static size_t room_for_data (const struct tls_connection *c) {
  return tls_connection_reading_paused(c) && c->io_error == 0
             ? 0
             : TLS_PLAINTEXT_SIZE;
}

/* Lua may run the loop, and other connections be stepped: what was received
** and not read is kept before, and the plaintext is in a buffer that is ours
** until we give it back. */
static void step_into (struct tls_connection *c, char *plain) {
  size_t got, room = room_for_data(c);
  c->events |= tls_engine_step(c->engine, plain, room, &got);
  if (c->closed) /* in the callback for a key */
    return;
  tls_connection_keep_unread(c);
  if (got == 0)
    return;
  bool shaking = tls_engine_shaking(c->engine);
  if (!c->paused)
    c->read_ahead = 0;
  else if (shaking)
    c->read_ahead += got;
  if (got == room || shaking)
    c->drive_again = true;
  emit_data(c, plain, got);
}

static void step (struct tls_connection *c) {
  char *plain = tls_lua_state_take_buffer(c->lua);
  if (plain == NULL) {
    tls_connection_transport_failed(c, -ENOMEM, false);
    return;
  }
  step_into(c, plain);
  tls_lua_state_give_buffer(c->lua, plain);
}

static void emit_handshake (struct tls_connection *c) {
  if (c->events == 0)
    return;
  emit_event(c, TLS_EV_KEYLOG, TLS_ON_keylog);
  emit_event(c, TLS_EV_HELLO, TLS_ON_hello);
  emit_event(c, TLS_EV_OCSP, TLS_ON_ocsp);
  emit_event(c, TLS_EV_IDENTITY, TLS_ON_identity);
  emit_event(c, TLS_EV_RENEGOTIATING, TLS_ON_renegotiating);
  emit_event(c, TLS_EV_RENEGOTIATED, TLS_ON_renegotiated);
  emit_sessions(c);
  emit_event(c, TLS_EV_SECURE, TLS_ON_secure);
}

/* The peer has ended the connection in the middle of a later handshake: what is
** to be written waits for that one's end, which never comes. */
static void check_stuck (struct tls_connection *c) {
  if (tls_engine_stuck(c->engine) && tls_connection_unsent(c) > 0 &&
      !tls_engine_failed(c->engine)) {
    tls_engine_fail(c->engine, "ECONNRESET",
                    "the peer has ended the connection in a handshake");
    c->events |= TLS_EV_ERROR;
  }
}

static void drive_round (struct tls_connection *c) {
  step(c);
  if (c->closed)
    return;
  tls_connection_excuse_write(c);
  emit_handshake(c);
  if (c->closed)
    return;
  tls_connection_encrypt_pending(c);
  check_stuck(c);
  if (!c->drive_again) { /* tickets and the first answer leave as one: apart,
                      Nagle's algorithm would hold the second back */
    tls_connection_flush(c); /* an alert leaves before its error is told */
    tls_connection_emit_records(c);
  }
  if (c->io_error != 0 && tls_engine_truncated(c->engine))
    c->events &= ~(unsigned)TLS_EV_EOF; /* it was no end, but this */
  if (!c->drive_again)
    emit_event(c, TLS_EV_EOF, TLS_ON_eof);
  if (!c->drive_again)
    emit_failure(c);
  emit_written(c);
}

/* Is there work left that no callback of libuv's will bring us back to? */
static bool has_work_left (const struct tls_connection *c) {
  if (c->dead || c->io_error != 0 || c->writing)
    return false;
  if (c->written_wanted &&
      tls_connection_all_sent(c)) /* told once already: not in this turn */
    return true;
  return tls_connection_may_encrypt(c);
}

/* Come back in the next turn, after the others. */
static void ask_for_drive (struct tls_connection *c) {
  if (c->drive_asked || !has_work_left(c))
    return;
  c->drive_asked = true;
  tls_connection_emit(c, TLS_ON_driveLater);
}

void tls_connection_drive (struct tls_connection *c) {
  if (c->driving) {
    c->drive_again = true;
    return;
  }
  c->driving = true;
  c->drive_asked = c->written_told = false;
  do {
    c->drive_again = false;
    drive_round(c);
    if (!c->drive_again && !c->closed)
      tls_connection_update_reading(c);
  } while (c->drive_again && !c->closed);
  if (!c->closed)
    ask_for_drive(c);
  c->driving = false;
  tls_connection_release(c);
}
