/*
** read: ciphertext from luv's stream, while the connection wants it.
*/
#include "read.h"

#include <errno.h>

#include "events.h"
#include "lua/socket_options.h"
#include "transport.h"

/* The most that Lua is given in later handshakes while it pauses. It has to be
** more than a peer sends before it hears of the handshake, and is yet a bound
** for one that never answers. */
#define MAX_AHEAD (16 * 1024 * 1024)

/* NULL when the conn has left the handle. */
static struct tls_connection *of_stream (struct tls_uv_handle *stream) {
  return tls_connection_luv_part(stream)->extra;
}

/* Lua wants no data, and the core reads none. In a handshake it reads all the
** same, as far as MAX_AHEAD: what Lua waits for may be a write of its own, and
** that one waits for the handshake. */
bool tls_connection_reading_paused (const struct tls_connection *c) {
  if (!c->paused || !tls_engine_secure(c->engine))
    return false;
  return c->read_ahead >= MAX_AHEAD || !tls_engine_shaking(c->engine);
}

bool tls_connection_awaits_alert (const struct tls_connection *c) {
  return c->io_error != 0 && c->write_failed && c->reading &&
         !tls_connection_reading_paused(c) && !tls_engine_ended(c->engine);
}

static void on_alloc (struct tls_uv_handle *stream, size_t hint,
                      struct tls_uv_buf *buf) {
  struct tls_connection *c = of_stream(stream);
  (void)hint;
  buf->base = c == NULL ? NULL : c->lua->read_buffer;
  buf->len = c == NULL ? 0 : sizeof c->lua->read_buffer;
}

/* What was fed is only lent, and Lua may run the loop: copy what OpenSSL has
** not read. */
void tls_connection_keep_unread (struct tls_connection *c) {
  struct tls_port *port = tls_engine_port(c->engine);
  if (port->window_size > 0 && !tls_port_keep(port))
    tls_connection_transport_failed(c, -ENOMEM, false);
}

/* While the drive is under way a listener is running the loop: the bytes wait
** for it, and no more are read before. */
static void received (struct tls_connection *c, const char *data, size_t n) {
  struct tls_port *port = tls_engine_port(c->engine);
  if (!tls_port_feed(port, data, n))
    tls_connection_transport_failed(c, -ENOMEM, false);
  if (c->driving) {
    tls_connection_keep_unread(c);
    tls_connection_stop_reading(c);
  }
  c->drive(c);
}

/* A reset right behind data is an end to libuv (uv__stream_io, POLLHUP). EPIPE
** is a reset behind the peer's FIN: then it is the end. */
static int hidden_error (const struct tls_connection *c) {
  int fd, error = 0;
  if (c->lua->uv.uv_fileno(c->stream, &fd) == 0)
    error = tls_socket_error(fd);
  return error == -EPIPE ? 0 : error;
}

static void on_read (struct tls_uv_handle *stream, ssize_t n,
                     const struct tls_uv_buf *buf) {
  struct tls_connection *c = of_stream(stream);
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
    tls_connection_transport_failed(c, error, false);
  tls_connection_stop_reading(c);
  c->drive(c);
}

/* Read on only when all that came has been read: while the handshake is
** suspended, the gate shut or Lua pausing, the peer waits in its own TCP
** window and cannot fill our memory. */
void tls_connection_update_reading (struct tls_connection *c) {
  struct tls_port *port = tls_engine_port(c->engine);
  bool alive = c->io_error == 0 || tls_connection_awaits_alert(c);
  bool want = c->started && alive && !port->eof &&
              !tls_engine_failed(c->engine) && !tls_engine_ended(c->engine) &&
              tls_port_unread(port) == 0 && !tls_connection_reading_paused(c);
  if (want == c->reading)
    return;
  if (c->stream == NULL) {
    c->reading = want;
    tls_connection_emit(c, TLS_ON_reading);
    return;
  }
  if (!want) {
    tls_connection_stop_reading(c);
    return;
  }
  int r = c->lua->uv.uv_read_start(c->stream, on_alloc, on_read);
  if (r < 0)
    tls_connection_transport_failed(c, r, false);
  c->reading = r == 0;
}
