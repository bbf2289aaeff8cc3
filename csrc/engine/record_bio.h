/*
** bio: the one BIO_METHOD of tls. It reads the bytes that are being fed (in
** place, without a copy of their own) and writes to the queue of records
** that are to be sent.
*/
#ifndef tls_bio_h
#define tls_bio_h

#include <openssl/bio.h>

#include "byte_queue.h"

struct tls_records {
  const char *fed; /* borrowed from the feeder until tls_records_keep() */
  size_t fed_size; /* bytes of the fed not yet read */
  struct tls_byte_queue in;  /* owned; what earlier windows left unread */
  struct tls_byte_queue out; /* owned; records to send */
  bool eof;                  /* the transport has ended */
  bool one_at_a_time;        /* see tls_records_one_at_a_time() */
  bool withheld;        /* OpenSSL asked for another record, and got none */
  bool next_allowed;    /* the next record may be read */
  unsigned header_read; /* bytes of the record's header that were read */
  size_t body_left;     /* bytes of its body that were not */
};

void tls_records_init (struct tls_records *records,
                       struct tls_buffer_pool *pool);
void tls_records_clear (struct tls_records *records);

/* Offer 'n' received bytes. They are read from 'data' itself, which must stay
** as it is until tls_records_keep(), the end of every feeding. */
bool tls_records_feed (struct tls_records *records, const char *data, size_t n);

/* Copy what the fed still holds. False when memory is out. */
bool tls_records_keep (struct tls_records *records);

/* Between handshakes OpenSSL reads as it likes. While one is under way it gets
** the record (RFC 8446, 5.1) that it is in, and another for each
** tls_records_allow_one(): so it comes back behind the one that ends the
** handshake, and has not seen what follows. */
void tls_records_one_at_a_time (struct tls_records *records, bool on);

/* The next byte is a record's first. To be called once behind the first
** handshake, which may have begun with a ClientHello of SSL 2. */
void tls_records_count (struct tls_records *records);

void tls_records_allow_one (struct tls_records *records);

/* Bytes received and not yet read by OpenSSL. */
size_t tls_records_unread (const struct tls_records *records);

/* A new method; owned by the caller, freed with BIO_meth_free() after the
** last BIO made from it. NULL when memory is out. */
BIO_METHOD *tls_record_bio_method (void);

/* A new BIO over 'records' (borrowed; must outlive the BIO). */
BIO *tls_record_bio_new (const BIO_METHOD *method, struct tls_records *records);

#endif
