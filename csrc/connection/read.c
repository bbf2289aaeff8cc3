/*
** read: ciphertext comes from luv's handle, see read.h.
*/
#include "read.h"

#include <errno.h>

#include "events.h"
#include "handshake_turns.h"
#include "lua/socket_options.h"
#include "transport_failure.h"

/* How much plaintext Lua is given while it has paused, in a handshake after
** the first. A peer may send this much before it notices the handshake; one
** that never answers it cannot fill our memory. */
#define MAX_READ_AHEAD (16 * 1024 * 1024)

/* NULL when the connection has left the handle. */
static struct tls_connection *of_handle (struct tls_uv_handle *handle) {
  return tls_connection_luv_part(handle)->extra;
}

/* During a later handshake reading goes on although Lua has paused: Lua may
** wait for its own write to end, and that write waits for the handshake. */
bool tls_connection_reading_paused (const struct tls_connection *c) {
  if (!c->paused || !tls_engine_secure(c->engine))
    return false;
  return c->read_ahead >= MAX_READ_AHEAD ||
         !tls_engine_renegotiating(c->engine);
}

bool tls_connection_awaits_alert (const struct tls_connection *c) {
  return c->transport_failure == TLS_FAILURE_WRITE && c->reading &&
         !tls_connection_reading_paused(c) && !tls_engine_ended(c->engine);
}

void tls_connection_keep_unread (struct tls_connection *c) {
  struct tls_records *records = tls_engine_records(c->engine);
  if (records->fed_size > 0 && !tls_records_keep(records))
    tls_connection_fail_read(c, -ENOMEM);
}

static size_t room_to_read (const struct tls_connection *c) {
  return tls_handshake_turns_waits(c) ? TLS_MOST_WAITING
                                      : sizeof c->lua->read_buffer;
}

/* uv_alloc_cb */
static void on_alloc (struct tls_uv_handle *handle, size_t hint,
                      struct tls_uv_buf *buf) {
  struct tls_connection *c = of_handle(handle);
  (void)hint;
  buf->base = c == NULL ? NULL : c->lua->read_buffer;
  buf->len = c == NULL ? 0 : room_to_read(c);
}

/* When the drive loop is under way already, one of its listeners is running
** libuv's loop: the bytes wait until it returns, and no more are read. */
static void received (struct tls_connection *c, const char *data, size_t n) {
  struct tls_records *records = tls_engine_records(c->engine);
  if (!tls_records_feed(records, data, n))
    tls_connection_fail_read(c, -ENOMEM);
  if (c->driving) {
    tls_connection_keep_unread(c);
    tls_connection_stop_reading(c);
  }
  c->drive(c);
}

/* libuv reports a reset right after data as an end (uv__stream_io, POLLHUP);
** the socket knows better. EPIPE is a reset after the peer's FIN: then it is
** an end. */
static int hidden_error (const struct tls_connection *c) {
  int fd, error = 0;
  if (c->lua->uv.uv_fileno(c->handle, &fd) == 0)
    error = tls_socket_options_error(fd);
  return error == -EPIPE ? 0 : error;
}

/* 'n' is TLS_UV_EOF or another of libuv's negative numbers. Before the first
** handshake has finished, the engine takes a reset for an end, too, and says
** that the handshake was cut off. */
static void read_ended (struct tls_connection *c, ssize_t n) {
  int error = n == TLS_UV_EOF ? hidden_error(c) : (int)n;
  if (error == 0 || !tls_engine_secure(c->engine))
    tls_engine_records(c->engine)->eof = true;
  if (error != 0)
    tls_connection_fail_read(c, error);
  tls_connection_stop_reading(c);
  c->drive(c);
}

/* uv_read_cb; 0 is EAGAIN, not the end. */
static void on_read (struct tls_uv_handle *handle, ssize_t n,
                     const struct tls_uv_buf *buf) {
  struct tls_connection *c = of_handle(handle);
  if (n == 0 || c == NULL || tls_connection_is_closed(c))
    return;
  if (n > 0)
    received(c, buf->base, (size_t)n);
  else
    read_ended(c, n);
}

/* Only when all that came has been read. While the handshake is suspended,
** the gate shut or Lua pausing, what the peer sends stays in the kernel,
** which makes the peer stop, and does not fill our memory. */
static bool wants_to_read (const struct tls_connection *c) {
  const struct tls_records *records = tls_engine_records(c->engine);
  if (c->life != TLS_LIFE_STARTED || tls_engine_failed(c->engine) ||
      tls_engine_ended(c->engine))
    return false;
  if (c->transport_failure != TLS_FAILURE_NONE &&
      !tls_connection_awaits_alert(c))
    return false;
  if (records->eof || tls_connection_reading_paused(c))
    return false;
  return tls_records_unread(records) == 0 || tls_handshake_turns_reads_on(c);
}

void tls_connection_update_reading (struct tls_connection *c) {
  if (c->is_away)
    return;
  bool wanted = wants_to_read(c);
  if (wanted == c->reading)
    return;
  if (c->handle == NULL) {
    c->reading = wanted;
    tls_connection_emit(c, TLS_ON_reading);
    return;
  }
  if (!wanted) {
    tls_connection_stop_reading(c);
    return;
  }
  int r = c->lua->uv.uv_read_start(c->handle, on_alloc, on_read);
  if (r < 0)
    tls_connection_fail_read(c, r);
  c->reading = r == 0;
}
