/*
** write: plaintext is encrypted, and records leave by libuv or by Lua.
*/
#include "write.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "events.h"
#include "transport.h"

/* Output gathered before a system call, and the most that is encrypted ahead
** of the socket. 64 KiB is where gathering stops to gain. */
#define GATHER (64 * 1024)

/* The most that one turn encrypts of a long string: a fast reader must not let
** one writer hold the loop. */
#define TURN (1024 * 1024)

/* One uv_write: what it writes belongs to it, so that it needs no conn to end
** well. Owned by libuv until on_written(). Behind it lies the uv_write_t, whose
** size only libuv knows; most connections never need one. */
struct tls_write {
  _Alignas(max_align_t) struct tls_connection
      *connection;        /* borrowed; NULL once it has gone */
  struct tls_bytes bytes; /* owned */
};

/* Takes the bytes over from 'out'. */
static struct tls_write *new_write (struct tls_connection *c,
                                    struct tls_bytes *out) {
  struct tls_write *w =
      malloc(sizeof *w + c->lua->uv.uv_req_size(TLS_UV_WRITE));
  if (w == NULL)
    return NULL;
  w->connection = c;
  tls_bytes_move(&w->bytes, out);
  return w;
}

/* The conn, to whose pool the bytes go back; or NULL: then the pool may have
** gone as well. */
static struct tls_connection *end_write (struct tls_write *w) {
  struct tls_connection *c = w->connection;
  if (c != NULL)
    tls_bytes_clear(&w->bytes);
  else
    free(w->bytes.chunk);
  free(w);
  return c;
}

/* The write that is in flight ends without us. */
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
  return tls_bytes_size(&tls_engine_port(c->engine)->out);
}

size_t tls_connection_unsent (const struct tls_connection *c) {
  return c->unsent + c->pending_size;
}

/* The peer has gone after its end: what only TLS itself had to say to it, a
** ticket or our close_notify, may be lost. */
static void write_failed (struct tls_connection *c, int status) {
  if (!tls_engine_ended(c->engine) || tls_connection_unsent(c) > 0)
    tls_connection_transport_failed(c, status, true);
  else
    tls_bytes_clear(&tls_engine_port(c->engine)->out);
}

/* It was the peer's end that was still to be read: nothing of ours was lost. */
void tls_connection_excuse_write (struct tls_connection *c) {
  if (c->io_error == 0 || !c->write_failed || tls_connection_unsent(c) > 0 ||
      !tls_engine_ended(c->engine))
    return;
  c->io_error = 0;
  c->write_failed = false;
  tls_bytes_clear(&tls_engine_port(c->engine)->out);
}

static void on_written (void *req, int status) {
  struct tls_connection *c = end_write((struct tls_write *)req - 1);
  if (c == NULL)
    return;
  c->write = NULL;
  c->writing = false;
  if (status < 0)
    write_failed(c, status);
  c->drive(c);
}

/* What the kernel did not take at once is libuv's to write; meanwhile records
** gather in a fresh out queue. */
static void start_write (struct tls_connection *c, struct tls_bytes *out) {
  struct tls_uv_buf buf;
  struct tls_write *w = new_write(c, out);
  if (w == NULL) {
    write_failed(c, -ENOMEM);
    return;
  }
  buf.base = (char *)tls_bytes_peek(&w->bytes);
  buf.len = tls_bytes_size(&w->bytes);
  int r = c->lua->uv.uv_write(w + 1, c->stream, &buf, 1, on_written);
  if (r < 0) {
    end_write(w);
    write_failed(c, r);
    return;
  }
  c->write = w;
  c->writing = true;
}

static bool is_corked (const struct tls_connection *c) {
  return c->corked && !tls_engine_failed(c->engine); /* an alert may leave */
}

/* uv_try_write first: it saves the queueing and the turn of the loop. */
static void write_now (struct tls_connection *c, struct tls_bytes *out) {
  struct tls_uv_buf buf;
  buf.base = (char *)tls_bytes_peek(out);
  buf.len = tls_bytes_size(out);
  int n = c->lua->uv.uv_try_write(c->stream, &buf, 1);
  if (n > 0)
    tls_bytes_consume(out, (size_t)n);
  else if (n != -EAGAIN && n < 0)
    write_failed(c, n);
}

static bool may_write (const struct tls_connection *c) {
  return c->stream != NULL && !c->writing && c->io_error == 0 && !is_corked(c);
}

void tls_connection_flush (struct tls_connection *c) {
  struct tls_bytes *out = &tls_engine_port(c->engine)->out;
  if (!may_write(c))
    return; /* without a stream, tls_connection_emit_records() sends */
  if (tls_bytes_size(out) > 0) {
    if (c->lua->uv.uv_is_closing(c->stream)) { /* somebody else did that */
      tls_connection_transport_failed(c, -ECANCELED, true);
      return;
    }
    write_now(c, out);
  }
  if (tls_bytes_size(out) == 0)
    c->unsent = 0;
  else if (c->io_error == 0)
    start_write(c, out);
}

/* A transport of Lua's takes one string at a time and calls sent() for it. */
void tls_connection_emit_records (struct tls_connection *c) {
  struct tls_bytes *out = &tls_engine_port(c->engine)->out;
  size_t n = tls_bytes_size(out);
  if (c->stream != NULL || !c->started || c->closed || c->writing || n == 0 ||
      is_corked(c))
    return;
  struct tls_bytes records; /* until they are a string of Lua's */
  tls_bytes_move(&records, out);
  c->writing = true;
  if (!tls_connection_emit_bytes(c, TLS_ON_records, tls_bytes_peek(&records),
                                 n) &&
      !c->closed)
    tls_connection_transport_failed(c, -ENOMEM, true);
  tls_bytes_clear(&records);
}

/* It is about to be closed: what was written in this turn goes if it can go at
** once (the alert of a connection that this one carries, say). */
void tls_connection_send_last (struct tls_connection *c) {
  struct tls_bytes *out = &tls_engine_port(c->engine)->out;
  if (tls_engine_writable(c->engine) && may_write(c) &&
      tls_bytes_size(out) > 0 && !c->lua->uv.uv_is_closing(c->stream))
    write_now(c, out);
}

/* Encrypt from 'data', flushing whenever enough has gathered. Returns how much
** was taken: less than 'n' when the socket is full or the turn is over. */
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
           tls_connection_queued(c) < GATHER && !c->writing);
  return done;
}

void tls_connection_encrypt_pending (struct tls_connection *c) {
  if (c->pending == NULL || c->writing)
    return;
  size_t done = tls_connection_encrypt(c, c->pending, c->pending_size);
  if (c->closed || c->pending == NULL) /* in the callback for a key */
    return;
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
  return tls_connection_unsent(c) == 0 && !c->writing &&
         tls_connection_queued(c) == 0 && !tls_engine_shutting_down(c->engine);
}
