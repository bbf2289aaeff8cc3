/*
** conn: an engine on one of luv's streams; the drive loop. See conn.h.
**
** Whatever happens (bytes arrived, a write finished, Lua wrote, Lua answered)
** ends in tls_conn_drive(). Methods called from Lua never enter Lua again:
** they return true when they want to be driven, and Lua calls drive() from a
** fresh turn of the loop.
*/
#include "connection.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "connection_state.h"
#include "lua/socket_options.h"

/* Output gathered before a system call, and the most that is encrypted ahead
** of the socket. 64 KiB is where gathering stops to gain. */
#define GATHER (64 * 1024)

/* The most that one turn encrypts of a long string: a fast reader must not let
** one writer hold the loop. */
#define TURN (1024 * 1024)

/* The most that Lua is given in later handshakes while it pauses. It has to be
** more than a peer sends before it hears of the handshake, and is yet a bound
** for one that never answers. */
#define MAX_AHEAD (16 * 1024 * 1024)

/* One uv_write: what it writes belongs to it, so that it needs no conn to end
** well. Owned by libuv until on_written(). Behind it lies the uv_write_t, whose
** size only libuv knows; most connections never need one. */
struct tls_write {
  _Alignas(max_align_t) struct conn *conn; /* borrowed; NULL once it has gone */
  struct tls_bytes bytes;                  /* owned */
};

/* Takes the bytes over from 'out'. */
static struct tls_write *new_write (struct conn *c, struct tls_bytes *out) {
  struct tls_write *w =
      malloc(sizeof *w + c->env->uv.uv_req_size(TLS_UV_WRITE));
  if (w == NULL)
    return NULL;
  w->conn = c;
  tls_bytes_move(&w->bytes, out);
  return w;
}

/* The conn, to whose pool the bytes go back; or NULL: then the pool may have
** gone as well. */
static struct conn *end_write (struct tls_write *w) {
  struct conn *c = w->conn;
  if (c != NULL)
    tls_bytes_clear(&w->bytes);
  else
    free(w->bytes.chunk);
  free(w);
  return c;
}

/* NULL when the conn has left the handle. */
static struct conn *of_stream (struct tls_uv_handle *stream) {
  return tls_conn_luv_part(stream)->extra;
}

/* === lifetime ========================================================== */

void tls_conn_drop_held (struct conn *c) {
  if (c->held == NULL)
    return;
  luaL_unref(c->env->main, LUA_REGISTRYINDEX, c->held_ref);
  c->held = NULL;
  c->held_size = 0;
}

/* Nothing of ours runs on OpenSSL's or libuv's stack any more. Does not throw:
** luaL_unref never does. */
void tls_conn_release (struct conn *c) {
  if (c->driving || !c->closed ||
      (c->engine != NULL && tls_engine_busy(c->engine)))
    return;
  tls_engine_free(c->engine);
  c->engine = NULL;
  luaL_unref(c->env->main, LUA_REGISTRYINDEX, c->anchor);
  c->anchor = LUA_NOREF;
}

bool tls_conn_gone (struct conn *c) {
  tls_conn_release(c);
  return c->closed;
}

static void stop_reading (struct conn *c) {
  if (c->reading && c->stream != NULL)
    c->env->uv.uv_read_stop(c->stream);
  c->reading = false;
}

/* The write that is in flight ends without us. */
static void forget_write (struct conn *c) {
  if (c->write != NULL)
    c->write->conn = NULL;
  c->write = NULL;
}

void tls_conn_detach (struct conn *c) {
  if (c->stream == NULL)
    return;
  stop_reading(c);
  forget_write(c);
  tls_conn_luv_part(c->stream)->extra = NULL;
  c->stream = NULL;
}

/* === writing =========================================================== */

static void on_written (void *req, int status);

/* When a write fails, the peer has reset the connection; why, its alert may
** say, which is still to be read: reading goes on until it ends. The failure is
** told in another round, behind what has been received. */
static void transport_failed (struct conn *c, int status, bool writing) {
  if (c->io_error == 0) {
    c->io_error = status;
    c->write_failed = writing;
    c->again = true;
  }
  if (!writing || c->stream == NULL || c->env->uv.uv_is_closing(c->stream))
    stop_reading(c); /* nothing will come any more */
}

/* The peer has gone after its end: what only TLS itself had to say to it, a
** ticket or our close_notify, may be lost. */
static void write_failed (struct conn *c, int status) {
  if (!tls_engine_ended(c->engine) || tls_conn_unsent(c) > 0)
    transport_failed(c, status, true);
  else
    tls_bytes_clear(&tls_engine_port(c->engine)->out);
}

/* Lua wants no data, and the core reads none. In a handshake it reads all the
** same, as far as MAX_AHEAD: what Lua waits for may be a write of its own, and
** that one waits for the handshake. */
static bool pausing (const struct conn *c) {
  if (!c->paused || !tls_engine_secure(c->engine))
    return false;
  return c->ahead >= MAX_AHEAD || !tls_engine_shaking(c->engine);
}

static bool awaiting_reason (const struct conn *c) {
  return c->io_error != 0 && c->write_failed && c->reading && !pausing(c) &&
         !tls_engine_ended(c->engine);
}

/* It was the peer's end that was still to be read: nothing of ours was lost. */
static void forgive_write (struct conn *c) {
  if (c->io_error == 0 || !c->write_failed || tls_conn_unsent(c) > 0 ||
      !tls_engine_ended(c->engine))
    return;
  c->io_error = 0;
  c->write_failed = false;
  tls_bytes_clear(&tls_engine_port(c->engine)->out);
}

size_t tls_conn_gathered (const struct conn *c) {
  return tls_bytes_size(&tls_engine_port(c->engine)->out);
}

/* What the kernel did not take at once is libuv's to write; meanwhile records
** gather in a fresh out queue. */
static void start_write (struct conn *c, struct tls_bytes *out) {
  struct tls_uv_buf buf;
  struct tls_write *w = new_write(c, out);
  if (w == NULL) {
    write_failed(c, -ENOMEM);
    return;
  }
  buf.base = (char *)tls_bytes_peek(&w->bytes);
  buf.len = tls_bytes_size(&w->bytes);
  int r = c->env->uv.uv_write(w + 1, c->stream, &buf, 1, on_written);
  if (r < 0) {
    end_write(w);
    write_failed(c, r);
    return;
  }
  c->write = w;
  c->writing = true;
}

static bool held_back (const struct conn *c) {
  return c->hold && !tls_engine_failed(c->engine); /* an alert may leave */
}

/* uv_try_write first: it saves the queueing and the turn of the loop. */
static void write_now (struct conn *c, struct tls_bytes *out) {
  struct tls_uv_buf buf;
  buf.base = (char *)tls_bytes_peek(out);
  buf.len = tls_bytes_size(out);
  int n = c->env->uv.uv_try_write(c->stream, &buf, 1);
  if (n > 0)
    tls_bytes_consume(out, (size_t)n);
  else if (n != -EAGAIN && n < 0)
    write_failed(c, n);
}

static bool may_write (const struct conn *c) {
  return c->stream != NULL && !c->writing && c->io_error == 0 && !held_back(c);
}

static void flush (struct conn *c) {
  struct tls_bytes *out = &tls_engine_port(c->engine)->out;
  if (!may_write(c))
    return; /* without a stream, emit_records() sends */
  if (tls_bytes_size(out) > 0) {
    if (c->env->uv.uv_is_closing(c->stream)) { /* somebody else did that */
      transport_failed(c, -ECANCELED, true);
      return;
    }
    write_now(c, out);
  }
  if (tls_bytes_size(out) == 0)
    c->unsent = 0;
  else if (c->io_error == 0)
    start_write(c, out);
}

/* It is about to be closed: what was written in this turn goes if it can go at
** once (the alert of a connection that this one carries, say). */
void tls_conn_send_rest (struct conn *c) {
  struct tls_bytes *out = &tls_engine_port(c->engine)->out;
  if (tls_engine_writable(c->engine) && may_write(c) &&
      tls_bytes_size(out) > 0 && !c->env->uv.uv_is_closing(c->stream))
    write_now(c, out);
}

/* Encrypt from 'data', flushing whenever enough has gathered. Returns how much
** was taken: less than 'n' when the socket is full or the turn is over. */
size_t tls_conn_pump (struct conn *c, const char *data, size_t n) {
  size_t done = 0, taken;
  do {
    taken = tls_engine_write(c->engine, data + done, n - done, GATHER);
    done += taken;
    c->unsent += taken;
    if (tls_conn_gathered(c) >= GATHER)
      flush(c);
  } while (taken > 0 && done < n && done < TURN &&
           tls_conn_gathered(c) < GATHER && !c->writing);
  return done;
}

static void pump_held (struct conn *c) {
  if (c->held == NULL || c->writing)
    return;
  size_t done = tls_conn_pump(c, c->held, c->held_size);
  if (c->closed || c->held == NULL) /* in the callback for a key */
    return;
  c->held += done;
  c->held_size -= done;
  if (c->held_size == 0)
    tls_conn_drop_held(c);
}

size_t tls_conn_unsent (const struct conn *c) {
  return c->unsent + c->held_size;
}

static bool all_sent (const struct conn *c) {
  return tls_conn_unsent(c) == 0 && !c->writing && tls_conn_gathered(c) == 0 &&
         !tls_engine_shutting_down(c->engine);
}

static void on_written (void *req, int status) {
  struct conn *c = end_write((struct tls_write *)req - 1);
  if (c == NULL)
    return;
  c->write = NULL;
  c->writing = false;
  if (status < 0)
    write_failed(c, status);
  tls_conn_drive(c);
}

/* === reading =========================================================== */

static void on_alloc (struct tls_uv_handle *stream, size_t hint,
                      struct tls_uv_buf *buf) {
  struct conn *c = of_stream(stream);
  (void)hint;
  buf->base = c == NULL ? NULL : c->env->in;
  buf->len = c == NULL ? 0 : sizeof c->env->in;
}

/* What was fed is only lent, and Lua may run the loop: copy what OpenSSL has
** not read. */
static void keep_unread (struct conn *c) {
  struct tls_port *port = tls_engine_port(c->engine);
  if (port->window_size > 0 && !tls_port_keep(port))
    transport_failed(c, -ENOMEM, false);
}

/* While the drive is under way a listener is running the loop: the bytes wait
** for it, and no more are read before. */
static void received (struct conn *c, const char *data, size_t n) {
  struct tls_port *port = tls_engine_port(c->engine);
  if (!tls_port_feed(port, data, n))
    transport_failed(c, -ENOMEM, false);
  if (c->driving) {
    keep_unread(c);
    stop_reading(c);
  }
  tls_conn_drive(c);
}

/* A reset right behind data is an end to libuv (uv__stream_io, POLLHUP). EPIPE
** is a reset behind the peer's FIN: then it is the end. */
static int hidden_error (const struct conn *c) {
  int fd, error = 0;
  if (c->env->uv.uv_fileno(c->stream, &fd) == 0)
    error = tls_socket_error(fd);
  return error == -EPIPE ? 0 : error;
}

static void on_read (struct tls_uv_handle *stream, ssize_t n,
                     const struct tls_uv_buf *buf) {
  struct conn *c = of_stream(stream);
  if (n == 0 || c == NULL || c->closed) /* 0 is EAGAIN, not the end */
    return;
  if (n > 0) {
    received(c, buf->base, (size_t)n);
    return;
  }
  int error = n == TLS_UV_EOF ? hidden_error(c) : (int)n;
  if (error == 0 ||
      !tls_engine_secure(c->engine)) /* cut off, says the engine */
    tls_engine_port(c->engine)->eof = true;
  if (error != 0)
    transport_failed(c, error, false);
  stop_reading(c);
  tls_conn_drive(c);
}

/* Read on only when all that came has been read: while the handshake is
** suspended, the gate shut or Lua pausing, the peer waits in its own TCP
** window and cannot fill our memory. */
void tls_conn_update_reading (struct conn *c) {
  struct tls_port *port = tls_engine_port(c->engine);
  bool alive = c->io_error == 0 || awaiting_reason(c);
  bool want = c->started && alive && !port->eof &&
              !tls_engine_failed(c->engine) && !tls_engine_ended(c->engine) &&
              tls_port_unread(port) == 0 && !pausing(c);
  if (want == c->reading)
    return;
  if (c->stream == NULL) {
    c->reading = want;
    tls_conn_emit(c, TLS_ON_reading);
    return;
  }
  if (!want) {
    stop_reading(c);
    return;
  }
  int r = c->env->uv.uv_read_start(c->stream, on_alloc, on_read);
  if (r < 0)
    transport_failed(c, r, false);
  c->reading = r == 0;
}

/* === the drive loop ==================================================== */

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
                (c->io_error != 0 && !awaiting_reason(c));
  if (!failed || c->closed || c->dead)
    return;
  c->dead = true;
  tls_conn_emit(c, TLS_ON_error);
}

/* At most once in a drive: a writer that refills on 'drain' goes on in the
** next turn of the loop. */
static void emit_written (struct conn *c) {
  if (c->closed || c->dead || !c->notify || c->notified || !all_sent(c))
    return;
  c->notify = false;
  c->notified = true;
  tls_conn_emit(c, TLS_ON_written);
}

/* A transport of Lua's takes one string at a time and calls sent() for it. */
static void emit_records (struct conn *c) {
  struct tls_bytes *out = &tls_engine_port(c->engine)->out;
  size_t n = tls_bytes_size(out);
  if (c->stream != NULL || !c->started || c->closed || c->writing || n == 0 ||
      held_back(c))
    return;
  struct tls_bytes records; /* until they are a string of Lua's */
  tls_bytes_move(&records, out);
  c->writing = true;
  if (!tls_conn_emit_bytes(c, TLS_ON_records, tls_bytes_peek(&records), n) &&
      !c->closed)
    transport_failed(c, -ENOMEM, true);
  tls_bytes_clear(&records);
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
      transport_failed(c, -ENOMEM, false); /* no byte may be missing */
    return;
  }
  int kept = tls_conn_keep_bytes(c, data, n);
  if (kept == LUA_NOREF) {
    transport_failed(c, -ENOMEM, false);
    return;
  }
  emit_sessions(c);
  tls_conn_emit_kept(c, which, kept);
}

/* Early data comes by an event of its own, which pausing does not stop. Of a
** transport that has failed, Lua gets what is left, wanted or not: who pauses
** may never ask for it, and the failure stands behind it. */
static size_t room_for_data (const struct conn *c) {
  return pausing(c) && c->io_error == 0 ? 0 : TLS_SCRATCH_OUT;
}

/* Lua may run the loop, and other connections be stepped: what was received
** and not read is kept before, and the plaintext is in a buffer that is ours
** until we give it back. */
static void step_into (struct conn *c, char *plain) {
  size_t got, room = room_for_data(c);
  c->events |= tls_engine_step(c->engine, plain, room, &got);
  if (c->closed) /* in the callback for a key */
    return;
  keep_unread(c);
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
    transport_failed(c, -ENOMEM, false);
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
  forgive_write(c);
  emit_handshake(c);
  if (c->closed)
    return;
  pump_held(c);
  check_stuck(c);
  if (!c->again) { /* tickets and the first answer leave as one: apart, Nagle's
                      algorithm would hold the second back */
    flush(c);      /* an alert leaves before its error is told */
    emit_records(c);
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
  if (c->notify && all_sent(c)) /* told once already: not in this turn */
    return true;
  return c->held != NULL && tls_conn_gathered(c) < GATHER &&
         tls_engine_writable(c->engine);
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
