/*
** record_bio: the BIO between OpenSSL and the transport. OpenSSL reads the
** received bytes where they lie, without a copy before its own, and writes
** records to a queue.
*/
#ifndef tls_engine_record_bio_h
#define tls_engine_record_bio_h

#include <openssl/bio.h>

#include "byte_queue.h"

#define TLS_FIRST_BYTES 31

/* What has been received and not yet read, and what is to be sent. */
struct tls_records {
  const char *fed;           /* borrowed until tls_records_keep() */
  size_t fed_size;           /* of it, not yet read */
  struct tls_byte_queue in;  /* owned; what was left of earlier feedings, comes
                                before 'fed' */
  struct tls_byte_queue out; /* owned; records to send */
  bool eof;                  /* the transport has ended */
  bool one_at_a_time;        /* see tls_records_one_at_a_time() */
  bool withheld;             /* OpenSSL asked for a record that it may not have
                                yet */
  bool next_allowed;         /* the next record may be read */
  unsigned header_read;      /* bytes read of the record's header */
  size_t body_left;          /* bytes of its body not yet read */
  unsigned char first_size;  /* how many there are of the next */
  char first[TLS_FIRST_BYTES]; /* what the transport has begun with: for the
                                  message when that is no TLS */
};

void tls_records_init (struct tls_records *records,
                       struct tls_buffer_pool *pool);
void tls_records_clear (struct tls_records *records);

/* Offer 'n' received bytes. OpenSSL reads them from 'data' itself, which must
** not change until tls_records_keep(); every feeding ends with that. False
** when there is no memory. */
bool tls_records_feed (struct tls_records *records, const char *data, size_t n);

/* Copy what was fed and is still unread. False when there is no memory. */
bool tls_records_keep (struct tls_records *records);

/* Forget what has been received and not read. */
void tls_records_drop (struct tls_records *records);

/* The buffers come from this pool from now on, and go back to it: a pool
** belongs to one thread. */
void tls_records_use_pool (struct tls_records *records,
                           struct tls_buffer_pool *pool);

/* Normally OpenSSL reads as much as it likes. During a later handshake
** it gets the record (RFC 8446, 5.1) that it is reading, and one
** more for each tls_records_allow_one(). So it returns after the record that
** ends the handshake, and has not seen what follows. */
void tls_records_one_at_a_time (struct tls_records *records, bool on);
void tls_records_allow_one (struct tls_records *records);

/* The next byte is the first of a record: count from here. To be called after
** the first handshake, which may have begun with a ClientHello of SSL 2. */
void tls_records_count (struct tls_records *records);

/* Bytes received and not yet read. */
size_t tls_records_unread (const struct tls_records *records);

/* The transport has ended, and all of it was read. */
bool tls_records_ended (const struct tls_records *records);

/* A new method. The caller's: BIO_meth_free(), after the last BIO made from
** it. NULL when there is no memory. */
BIO_METHOD *tls_record_bio_method (void);

/* A new BIO over 'records', which it borrows. The caller's. */
BIO *tls_record_bio_new (const BIO_METHOD *method, struct tls_records *records);

#endif
