/*
** record_bio: the BIO between OpenSSL and the transport, see record_bio.h and
** BIO_meth_new(3).
*/
#include "record_bio.h"

#include <limits.h>
#include <string.h>

void tls_records_init (struct tls_records *records,
                       struct tls_buffer_pool *pool) {
  memset(records, 0, sizeof *records);
  tls_byte_queue_init(&records->in, pool);
  tls_byte_queue_init(&records->out, pool);
}

void tls_records_clear (struct tls_records *records) {
  tls_byte_queue_clear(&records->in);
  tls_byte_queue_clear(&records->out);
  records->fed = NULL;
  records->fed_size = 0;
}

static void keep_first (struct tls_records *records, const char *data,
                        size_t n) {
  size_t room = TLS_FIRST_BYTES - records->first_size;
  if (n > room)
    n = room;
  memcpy(records->first + records->first_size, data, n);
  records->first_size += (unsigned char)n;
}

bool tls_records_feed (struct tls_records *records, const char *data,
                       size_t n) {
  if (records->first_size < TLS_FIRST_BYTES)
    keep_first(records, data, n);
  if (tls_byte_queue_size(&records->in) > 0) /* in order */
    return tls_byte_queue_append(&records->in, data, n);
  records->fed = data;
  records->fed_size = n;
  return true;
}

bool tls_records_keep (struct tls_records *records) {
  bool kept =
      tls_byte_queue_append(&records->in, records->fed, records->fed_size);
  records->fed = NULL;
  records->fed_size = 0;
  return kept;
}

void tls_records_use_pool (struct tls_records *records,
                           struct tls_buffer_pool *pool) {
  records->in.pool = records->out.pool = pool;
}

void tls_records_drop (struct tls_records *records) {
  tls_byte_queue_clear(&records->in);
  records->fed = NULL;
  records->fed_size = 0;
}

bool tls_records_ended (const struct tls_records *records) {
  return records->eof && tls_records_unread(records) == 0;
}

size_t tls_records_unread (const struct tls_records *records) {
  return records->fed_size + tls_byte_queue_size(&records->in);
}

static size_t read_fed (struct tls_records *records, char *to, size_t n) {
  if (n > records->fed_size)
    n = records->fed_size;
  memcpy(to, records->fed, n);
  records->fed += n;
  records->fed_size -= n;
  return n;
}

static size_t read_kept (struct tls_records *records, char *to, size_t n) {
  if (n > tls_byte_queue_size(&records->in))
    n = tls_byte_queue_size(&records->in);
  memcpy(to, tls_byte_queue_peek(&records->in), n);
  tls_byte_queue_consume(&records->in, n);
  return n;
}

#define HEADER 5 /* type, version, and the length in two bytes */

void tls_records_one_at_a_time (struct tls_records *records, bool on) {
  records->one_at_a_time = on;
  records->withheld = records->next_allowed = false;
}

void tls_records_count (struct tls_records *records) {
  records->header_read = 0;
  records->body_left = 0;
}

void tls_records_allow_one (struct tls_records *records) {
  records->withheld = false;
  records->next_allowed = true;
}

/* How many of the next 'n' bytes may be read: no more than what is left of
** the header, or of the body, that is being read. */
static size_t within_record (const struct tls_records *records, size_t n) {
  size_t left = records->body_left;
  if (records->header_read < HEADER)
    left = records->next_allowed || records->header_read > 0
               ? HEADER - records->header_read
               : 0;
  return n < left ? n : left;
}

static void end_record (struct tls_records *records) {
  records->header_read = 0;
  records->next_allowed = false;
}

static void count_byte (struct tls_records *records, unsigned char byte) {
  if (records->header_read == HEADER) {
    records->body_left--;
  } else if (++records->header_read > HEADER - 2) { /* a byte of the length */
    records->body_left = records->body_left << 8 | byte;
  }
  if (records->header_read == HEADER && records->body_left == 0)
    end_record(records);
}

/* 'n' bytes have been read. Nearly always that is a whole body, or part of
** one; headers are counted byte by byte. */
static void count_record (struct tls_records *records, const char *bytes,
                          size_t n) {
  if (records->header_read == HEADER && n <= records->body_left) {
    records->body_left -= n;
    if (records->body_left == 0)
      end_record(records);
    return;
  }
  while (n-- > 0)
    count_byte(records, (unsigned char)*bytes++);
}

/* The retry flags are set or cleared on every call: SSL_get_error() reads
** them. The end of the transport is never shown to OpenSSL, which would end
** the whole connection, writing included: the engine checks
** tls_records_ended(). */
static int on_read (BIO *bio, char *to, size_t n, size_t *got) {
  struct tls_records *records = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  *got = 0;
  if (records->one_at_a_time)
    n = within_record(records, n);
  records->withheld = n == 0;
  if (n > 0 && tls_byte_queue_size(&records->in) > 0)
    *got = read_kept(records, to, n);
  else if (n > 0 && records->fed_size > 0)
    *got = read_fed(records, to, n);
  else
    BIO_set_retry_read(bio);
  count_record(records, to, *got);
  return *got > 0;
}

static int on_write (BIO *bio, const char *from, size_t n, size_t *put) {
  struct tls_records *records = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  *put = 0;
  if (!tls_byte_queue_append(&records->out, from, n))
    return 0;
  *put = n;
  return 1;
}

static long on_ctrl (BIO *bio, int cmd, long num, void *ptr) {
  const struct tls_records *records = BIO_get_data(bio);
  size_t size;
  (void)num;
  (void)ptr;
  switch (cmd) {
    case BIO_CTRL_FLUSH: /* on_write() takes all */ return 1;
    case BIO_CTRL_EOF: return tls_records_ended(records);
    case BIO_CTRL_PENDING:
      size = tls_records_unread(records);
      return size > LONG_MAX ? LONG_MAX : (long)size;
    case BIO_CTRL_WPENDING:
      size = tls_byte_queue_size(&records->out);
      return size > LONG_MAX ? LONG_MAX : (long)size;
    default: return 0;
  }
}

BIO_METHOD *tls_record_bio_method (void) {
  BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "tls records");
  if (m == NULL)
    return NULL;
  if (BIO_meth_set_read_ex(m, on_read) && BIO_meth_set_write_ex(m, on_write) &&
      BIO_meth_set_ctrl(m, on_ctrl))
    return m;
  BIO_meth_free(m);
  return NULL;
}

BIO *tls_record_bio_new (const BIO_METHOD *method,
                         struct tls_records *records) {
  BIO *bio = BIO_new(method);
  if (bio == NULL)
    return NULL;
  BIO_set_data(bio, records);
  BIO_set_init(bio, 1);
  return bio;
}
