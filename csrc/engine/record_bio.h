/*
** bio: the one BIO_METHOD of tls. It reads the bytes that are being fed (in
** place, without a copy of their own) and writes to the queue of records
** that are to be sent.
*/
#ifndef tls_bio_h
#define tls_bio_h

#include <openssl/bio.h>

#include "byte_queue.h"

struct tls_port {
  const char *window;   /* borrowed from the feeder until tls_port_keep() */
  size_t window_size;   /* bytes of the window not yet read */
  struct tls_bytes in;  /* owned; what earlier windows left unread */
  struct tls_bytes out; /* owned; records to send */
  bool eof;             /* the transport has ended */
  bool by_record;       /* see tls_port_by_record() */
  bool withheld;        /* OpenSSL asked for another record, and got none */
  bool may_begin;       /* the next record may be read */
  unsigned header_read; /* bytes of the record's header that were read */
  size_t body_left;     /* bytes of its body that were not */
};

void tls_port_init (struct tls_port *port, struct tls_pool *pool);
void tls_port_clear (struct tls_port *port);

/* Offer 'n' received bytes. They are read from 'data' itself, which must stay
** as it is until tls_port_keep(), the end of every feeding. */
bool tls_port_feed (struct tls_port *port, const char *data, size_t n);

/* Copy what the window still holds. False when memory is out. */
bool tls_port_keep (struct tls_port *port);

/* Between handshakes OpenSSL reads as it likes. While one is under way it gets
** the record (RFC 8446, 5.1) that it is in, and another for each
** tls_port_allow_record(): so it comes back behind the one that ends the
** handshake, and has not seen what follows. */
void tls_port_by_record (struct tls_port *port, bool on);

/* The next byte is a record's first. To be called once behind the first
** handshake, which may have begun with a ClientHello of SSL 2. */
void tls_port_count_records (struct tls_port *port);

void tls_port_allow_record (struct tls_port *port);

/* Bytes received and not yet read by OpenSSL. */
size_t tls_port_unread (const struct tls_port *port);

/* A new method; owned by the caller, freed with BIO_meth_free() after the
** last BIO made from it. NULL when memory is out. */
BIO_METHOD *tls_bio_method (void);

/* A new BIO over 'port' (borrowed; must outlive the BIO). */
BIO *tls_bio_new (const BIO_METHOD *method, struct tls_port *port);

#endif
