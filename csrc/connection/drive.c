/*
** drive: the loop that every edge of a connection ends in.
**
** Whatever happens (bytes arrived, a write finished, Lua wrote, Lua answered)
** ends in tls_conn_drive(). Methods called from Lua never enter Lua again:
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

static void emit_event (struct conn *c, unsigned event,
                        enum tls_handler which) {
  if (c->closed || c->dead || (c->events & event) == 0)
    return;
  c->events &= ~event;
  tls_conn_emit(c, which);
}

/* Behind all that was received: step() has given it to Lua. */
static void emit_failure (struct conn *c) {
  bool failed = (c->events & TLS_EV_ERROR) != 0 ||
                (c->io_error != 0 && !tls_conn_awaiting_reason(c));
  if (!failed || c->closed || c->dead)
    return;
  c->dead = true;
  tls_conn_emit(c, TLS_ON_error);
}

/* At most once in a drive: a writer that refills on 'drain' goes on in the
** next turn of the loop. */
static void emit_written (struct conn *c) {
  if (c->closed || c->dead || !c->notify || c->notified ||
      !tls_conn_all_sent(c))
    return;
  c->notify = false;
  c->notified = true;
  tls_conn_emit(c, TLS_ON_written);
}

/* Each is told by itself; the core keeps no more than these. */
static void emit_sessions (struct conn *c) {
  int i;
  unsigned was = c->events & TLS_EV_SESSION;
  for (i = 0; i < TLS_MAX_SESSIONS; i++) {
    c->events |= was;
    emit_event(c, TLS_EV_SESSION, TLS_ON_session);
  }
}

/* A ticket is sent before the data that came with it, and told before it. */
static void emit_data (struct conn *c, const char *data, size_t n) {
  enum tls_handler which =
      (c->events & TLS_EV_EARLY) != 0 ? TLS_ON_early : TLS_ON_data;
  c->events &= ~(unsigned)TLS_EV_EARLY;
  if ((c->events & TLS_EV_SESSION) == 0) {
    if (!tls_conn_emit_bytes(c, which, data, n) && !c->closed)
      tls_conn_transport_failed(c, -ENOMEM, false); /* no byte may be missing */
    return;
  }
  int kept = tls_conn_keep_bytes(c, data, n);
  if (kept == LUA_NOREF) {
    tls_conn_transport_failed(c, -ENOMEM, false);
    return;
  }
  emit_sessions(c);
  tls_conn_emit_kept(c, which, kept);
}

/* Early data comes by an event of its own, which pausing does not stop. Of a
** transport that has failed, Lua gets what is left, wanted or not: who pauses
** may never ask for it, and the failure stands behind it. */
static size_t room_for_data (const struct conn *c) {
  return tls_conn_pausing(c) && c->io_error == 0 ? 0 : TLS_SCRATCH_OUT;
}

/* Lua may run the loop, and other connections be stepped: what was received
** and not read is kept before, and the plaintext is in a buffer that is ours
** until we give it back. */
static void step_into (struct conn *c, char *plain) {
  size_t got, room = room_for_data(c);
  c->events |= tls_engine_step(c->engine, plain, room, &got);
  if (c->closed) /* in the callback for a key */
    return;
  tls_conn_keep_unread(c);
  if (got == 0)
    return;
  bool shaking = tls_engine_shaking(c->engine);
  if (!c->paused)
    c->ahead = 0;
  else if (shaking)
    c->ahead += got;
  if (got == room || shaking)
    c->again = true;
  emit_data(c, plain, got);
}

static void step (struct conn *c) {
  char *plain = tls_env_take_scratch(c->env);
  if (plain == NULL) {
    tls_conn_transport_failed(c, -ENOMEM, false);
    return;
  }
  step_into(c, plain);
  tls_env_give_scratch(c->env, plain);
}

static void emit_handshake (struct conn *c) {
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
static void check_stuck (struct conn *c) {
  if (tls_engine_stuck(c->engine) && tls_conn_unsent(c) > 0 &&
      !tls_engine_failed(c->engine)) {
    tls_engine_fail(c->engine, "ECONNRESET",
                    "the peer has ended the connection in a handshake");
    c->events |= TLS_EV_ERROR;
  }
}

static void drive_round (struct conn *c) {
  step(c);
  if (c->closed)
    return;
  tls_conn_forgive_write(c);
  emit_handshake(c);
  if (c->closed)
    return;
  tls_conn_pump_held(c);
  check_stuck(c);
  if (!c->again) { /* tickets and the first answer leave as one: apart, Nagle's
                      algorithm would hold the second back */
    tls_conn_flush(c); /* an alert leaves before its error is told */
    tls_conn_emit_records(c);
  }
  if (c->io_error != 0 && tls_engine_truncated(c->engine))
    c->events &= ~(unsigned)TLS_EV_EOF; /* it was no end, but this */
  if (!c->again)
    emit_event(c, TLS_EV_EOF, TLS_ON_eof);
  if (!c->again)
    emit_failure(c);
  emit_written(c);
}

/* Is there work left that no callback of libuv's will bring us back to? */
static bool unfinished (const struct conn *c) {
  if (c->dead || c->io_error != 0 || c->writing)
    return false;
  if (c->notify &&
      tls_conn_all_sent(c)) /* told once already: not in this turn */
    return true;
  return tls_conn_may_pump(c);
}

/* Come back in the next turn, after the others. */
static void ask_to_go_on (struct conn *c) {
  if (c->poked || !unfinished(c))
    return;
  c->poked = true;
  tls_conn_emit(c, TLS_ON_driveLater);
}

void tls_conn_drive (struct conn *c) {
  if (c->driving) {
    c->again = true;
    return;
  }
  c->driving = true;
  c->poked = c->notified = false;
  do {
    c->again = false;
    drive_round(c);
    if (!c->again && !c->closed)
      tls_conn_update_reading(c);
  } while (c->again && !c->closed);
  if (!c->closed)
    ask_to_go_on(c);
  c->driving = false;
  tls_conn_release(c);
}
