/*
** write: plaintext becomes records, and records leave, see write.h.
*/
#include "write.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "events.h"
#include "transport_failure.h"

/* How many bytes of records gather before a system call, and the most that is
** encrypted ahead of the socket. More than 64 KiB gains nothing (measured). */
#define GATHER (64 * 1024)

/* The most that one turn of the loop encrypts of a long string. Without it, a
** peer that reads fast would let one writer keep the loop from all others. */
#define TURN (1024 * 1024)

/* One uv_write. It owns the bytes that it writes, so that it can end well
** when the connection has gone. Owned by libuv until on_written(). The
** uv_write_t lies behind this struct, because only libuv knows its size. Most
** connections never make one: uv_try_write() takes all they have. */
struct tls_write {
  _Alignas(max_align_t) struct tls_connection
      *connection;             /* borrowed; NULL once it has gone */
  struct tls_byte_queue bytes; /* owned */
};

/* Takes the bytes out of 'out'. NULL when there is no memory. */
static struct tls_write *new_write (struct tls_connection *c,
                                    struct tls_byte_queue *out) {
  struct tls_write *w =
      malloc(sizeof *w + c->lua->uv.uv_req_size(TLS_UV_WRITE));
  if (w == NULL)
    return NULL;
  w->connection = c;
  tls_byte_queue_move(&w->bytes, out);
  return w;
}

/* Frees 'w' and returns its connection, to whose pool the bytes go back; or
** NULL when it has gone: then the pool may have gone as well. */
static struct tls_connection *end_write (struct tls_write *w) {
  struct tls_connection *c = w->connection;
  if (c != NULL)
    tls_byte_queue_clear(&w->bytes);
  else
    free(w->bytes.buffer);
  free(w);
  return c;
}

void tls_connection_forget_write (struct tls_connection *c) {
  if (c->write != NULL)
    c->write->connection = NULL;
  c->write = NULL;
}

void tls_connection_drop_pending (struct tls_connection *c) {
  if (c->pending == NULL)
    return;
  luaL_unref(c->lua->main, LUA_REGISTRYINDEX, c->pending_ref);
  c->pending = NULL;
  c->pending_size = 0;
}

size_t tls_connection_queued (const struct tls_connection *c) {
  return tls_byte_queue_size(&tls_engine_records(c->engine)->out);
}

size_t tls_connection_unsent (const struct tls_connection *c) {
  return c->unsent + c->pending_size;
}

/* A peer that has ended the connection need not read what comes after that.
** When it was only TLS's own, a ticket or our close_notify, nothing has
** failed. */
static void write_failed (struct tls_connection *c, int status) {
  if (!tls_engine_ended(c->engine) || tls_connection_unsent(c) > 0)
    tls_connection_fail_write(c, status);
  else
    tls_byte_queue_clear(&tls_engine_records(c->engine)->out);
}

/* The write failed first, and the peer's end was read after that. */
void tls_connection_excuse_write (struct tls_connection *c) {
  if (c->transport_failure != TLS_FAILURE_WRITE ||
      tls_connection_unsent(c) > 0 || !tls_engine_ended(c->engine))
    return;
  c->io_error = 0;
  c->transport_failure = TLS_FAILURE_NONE;
  tls_byte_queue_clear(&tls_engine_records(c->engine)->out);
}

static void on_written (void *req, int status) {
  struct tls_connection *c = end_write((struct tls_write *)req - 1);
  if (c == NULL)
    return;
  c->write = NULL;
  c->output = TLS_OUTPUT_IDLE;
  if (status < 0)
    write_failed(c, status);
  c->drive(c);
}

/* libuv writes what the kernel did not take at once. The records that follow
** gather in the emptied out queue. */
static void start_write (struct tls_connection *c, struct tls_byte_queue *out) {
  struct tls_uv_buf buf;
  struct tls_write *w = new_write(c, out);
  if (w == NULL) {
    write_failed(c, -ENOMEM);
    return;
  }
  buf.base = (char *)tls_byte_queue_peek(&w->bytes);
  buf.len = tls_byte_queue_size(&w->bytes);
  int r = c->lua->uv.uv_write(w + 1, c->handle, &buf, 1, on_written);
  if (r < 0) {
    end_write(w);
    write_failed(c, r);
    return;
  }
  c->write = w;
  c->output = TLS_OUTPUT_IN_FLIGHT;
}

static bool is_held (const struct tls_connection *c) {
  return c->output_held && !tls_engine_failed(c->engine); /* an alert may go */
}

/* uv_try_write() comes first: it saves a request and a turn of the loop. */
static void write_now (struct tls_connection *c, struct tls_byte_queue *out) {
  struct tls_uv_buf buf;
  buf.base = (char *)tls_byte_queue_peek(out);
  buf.len = tls_byte_queue_size(out);
  int n = c->lua->uv.uv_try_write(c->handle, &buf, 1);
  if (n > 0)
    tls_byte_queue_consume(out, (size_t)n);
  else if (n != -EAGAIN && n < 0)
    write_failed(c, n);
}

static bool may_write (const struct tls_connection *c) {
  return c->handle != NULL && c->output == TLS_OUTPUT_IDLE &&
         c->transport_failure == TLS_FAILURE_NONE && !is_held(c);
}

void tls_connection_flush (struct tls_connection *c) {
  struct tls_byte_queue *out = &tls_engine_records(c->engine)->out;
  if (!may_write(c))
    return; /* without a handle, tls_connection_emit_records() sends */
  if (tls_byte_queue_size(out) > 0) {
    if (c->lua->uv.uv_is_closing(c->handle)) { /* not by us */
      tls_connection_fail_write(c, -ECANCELED);
      return;
    }
    write_now(c, out);
  }
  if (tls_byte_queue_size(out) == 0)
    c->unsent = 0;
  else if (c->transport_failure == TLS_FAILURE_NONE)
    start_write(c, out);
}

/* Lua takes one string at a time, and calls sent() for it. */
void tls_connection_emit_records (struct tls_connection *c) {
  if (c->handle != NULL || c->life == TLS_LIFE_NEW ||
      tls_connection_is_closed(c))
    return;
  struct tls_byte_queue *out = &tls_engine_records(c->engine)->out;
  size_t n = tls_byte_queue_size(out);
  if (c->output != TLS_OUTPUT_IDLE || n == 0 || is_held(c))
    return;
  struct tls_byte_queue records; /* owned, until they are a Lua string */
  tls_byte_queue_move(&records, out);
  c->output = TLS_OUTPUT_WITH_LUA;
  bool told = tls_connection_emit_bytes(c, TLS_ON_records,
                                        tls_byte_queue_peek(&records), n);
  if (!told && !tls_connection_is_closed(c))
    tls_connection_fail_write(c, -ENOMEM);
  tls_byte_queue_clear(&records);
}

/* For what was written in this very turn: the alert of a TLS connection that
** runs inside this one, for example. */
void tls_connection_send_last (struct tls_connection *c) {
  struct tls_byte_queue *out = &tls_engine_records(c->engine)->out;
  if (tls_engine_writable(c->engine) && may_write(c) &&
      tls_byte_queue_size(out) > 0 && !c->lua->uv.uv_is_closing(c->handle))
    write_now(c, out);
}

size_t tls_connection_encrypt (struct tls_connection *c, const char *data,
                               size_t n) {
  size_t done = 0, taken;
  do {
    taken = tls_engine_write(c->engine, data + done, n - done, GATHER);
    done += taken;
    c->unsent += taken;
    if (tls_connection_queued(c) >= GATHER)
      tls_connection_flush(c);
  } while (taken > 0 && done < n && done < TURN &&
           tls_connection_queued(c) < GATHER && c->output == TLS_OUTPUT_IDLE);
  return done;
}

void tls_connection_encrypt_pending (struct tls_connection *c) {
  if (c->pending == NULL || c->output != TLS_OUTPUT_IDLE)
    return;
  size_t done = tls_connection_encrypt(c, c->pending, c->pending_size);
  if (tls_connection_is_closed(c) || c->pending == NULL)
    return; /* closed by the callback for a pre-shared key */
  c->pending += done;
  c->pending_size -= done;
  if (c->pending_size == 0)
    tls_connection_drop_pending(c);
}

bool tls_connection_may_encrypt (const struct tls_connection *c) {
  return c->pending != NULL && tls_connection_queued(c) < GATHER &&
         tls_engine_writable(c->engine);
}

bool tls_connection_all_sent (const struct tls_connection *c) {
  return tls_connection_unsent(c) == 0 && c->output == TLS_OUTPUT_IDLE &&
         tls_connection_queued(c) == 0 && !tls_engine_shutting_down(c->engine);
}
