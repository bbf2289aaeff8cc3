/*
** bio: the one BIO_METHOD of tls, see bio.h and BIO_meth_new(3).
*/
#include "record_bio.h"

#include <limits.h>
#include <string.h>

void tls_port_init (struct tls_port *port, struct tls_pool *pool) {
  memset(port, 0, sizeof *port);
  tls_bytes_init(&port->in, pool);
  tls_bytes_init(&port->out, pool);
}

void tls_port_clear (struct tls_port *port) {
  tls_bytes_clear(&port->in);
  tls_bytes_clear(&port->out);
  port->window = NULL;
  port->window_size = 0;
}

bool tls_port_feed (struct tls_port *port, const char *data, size_t n) {
  if (tls_bytes_size(&port->in) > 0) /* order: behind what is kept already */
    return tls_bytes_append(&port->in, data, n);
  port->window = data;
  port->window_size = n;
  return true;
}

bool tls_port_keep (struct tls_port *port) {
  bool kept = tls_bytes_append(&port->in, port->window, port->window_size);
  port->window = NULL;
  port->window_size = 0;
  return kept;
}

size_t tls_port_unread (const struct tls_port *port) {
  return port->window_size + tls_bytes_size(&port->in);
}

static size_t read_window (struct tls_port *port, char *to, size_t n) {
  if (n > port->window_size)
    n = port->window_size;
  memcpy(to, port->window, n);
  port->window += n;
  port->window_size -= n;
  return n;
}

static size_t read_kept (struct tls_port *port, char *to, size_t n) {
  if (n > tls_bytes_size(&port->in))
    n = tls_bytes_size(&port->in);
  memcpy(to, tls_bytes_peek(&port->in), n);
  tls_bytes_consume(&port->in, n);
  return n;
}

#define HEADER 5 /* type, version, and the length in two bytes */

void tls_port_by_record (struct tls_port *port, bool on) {
  port->by_record = on;
  port->withheld = port->may_begin = false;
}

void tls_port_count_records (struct tls_port *port) {
  port->header_read = 0;
  port->body_left = 0;
}

void tls_port_allow_record (struct tls_port *port) {
  port->withheld = false;
  port->may_begin = true;
}

/* How much of 'n' bytes lies in the record that is being read. */
static size_t within_record (const struct tls_port *port, size_t n) {
  size_t left = port->body_left;
  if (port->header_read < HEADER)
    left = port->may_begin || port->header_read > 0 ? HEADER - port->header_read
                                                    : 0;
  return n < left ? n : left;
}

static void end_record (struct tls_port *port) {
  port->header_read = 0;
  port->may_begin = false;
}

static void count_byte (struct tls_port *port, unsigned char byte) {
  if (port->header_read == HEADER) {
    port->body_left--;
  } else if (++port->header_read > HEADER - 2) { /* the length */
    port->body_left = port->body_left << 8 | byte;
  }
  if (port->header_read == HEADER && port->body_left == 0)
    end_record(port);
}

/* 'n' bytes have been read: a whole body, as nearly always, or part of one; or
** a header, or part of that. */
static void count_record (struct tls_port *port, const char *bytes, size_t n) {
  if (port->header_read == HEADER && n <= port->body_left) {
    port->body_left -= n;
    if (port->body_left == 0)
      end_record(port);
    return;
  }
  while (n-- > 0)
    count_byte(port, (unsigned char)*bytes++);
}

/* The flags are set or cleared on every call: SSL_get_error() reads them. The
** end of the transport is never shown to OpenSSL, which would fail the whole
** connection on it, writing included: the engine looks at port->eof itself. */
static int on_read (BIO *bio, char *to, size_t n, size_t *got) {
  struct tls_port *port = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  *got = 0;
  if (port->by_record)
    n = within_record(port, n);
  port->withheld = n == 0;
  if (n > 0 && tls_bytes_size(&port->in) > 0)
    *got = read_kept(port, to, n);
  else if (n > 0 && port->window_size > 0)
    *got = read_window(port, to, n);
  else
    BIO_set_retry_read(bio);
  count_record(port, to, *got);
  return *got > 0;
}

static int on_write (BIO *bio, const char *from, size_t n, size_t *put) {
  struct tls_port *port = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  *put = 0;
  if (!tls_bytes_append(&port->out, from, n))
    return 0;
  *put = n;
  return 1;
}

static long on_ctrl (BIO *bio, int cmd, long num, void *ptr) {
  const struct tls_port *port = BIO_get_data(bio);
  size_t size;
  (void)num;
  (void)ptr;
  switch (cmd) {
    case BIO_CTRL_FLUSH: /* the queue takes everything at once */ return 1;
    case BIO_CTRL_EOF: return port->eof && tls_port_unread(port) == 0;
    case BIO_CTRL_PENDING:
      size = tls_port_unread(port);
      return size > LONG_MAX ? LONG_MAX : (long)size;
    case BIO_CTRL_WPENDING:
      size = tls_bytes_size(&port->out);
      return size > LONG_MAX ? LONG_MAX : (long)size;
    default: return 0;
  }
}

BIO_METHOD *tls_bio_method (void) {
  BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "tls port");
  if (m == NULL)
    return NULL;
  if (BIO_meth_set_read_ex(m, on_read) && BIO_meth_set_write_ex(m, on_write) &&
      BIO_meth_set_ctrl(m, on_ctrl))
    return m;
  BIO_meth_free(m);
  return NULL;
}

BIO *tls_bio_new (const BIO_METHOD *method, struct tls_port *port) {
  BIO *bio = BIO_new(method);
  if (bio == NULL)
    return NULL;
  BIO_set_data(bio, port);
  BIO_set_init(bio, 1);
  return bio;
}
