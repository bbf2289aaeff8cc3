/*
** byte_reader: reads bytes that a peer has sent, from left to right and never
** past their end.
**
** A reader that is asked for more than there is has failed, and stays at the
** end: all that is read afterwards is 0 or empty. A vector that is cut off
** counts as far as it goes, and 'failed' says that it was.
*/
#ifndef tls_engine_byte_reader_h
#define tls_engine_byte_reader_h

#include <stdbool.h>
#include <stddef.h>

struct tls_piece {
  const unsigned char *data; /* borrowed; NULL only when 'size' is 0 */
  size_t size;
};

struct tls_reader {
  const unsigned char *at; /* borrowed: from the piece that is read */
  size_t left;
  bool failed;
};

static inline struct tls_reader tls_reader_of (struct tls_piece piece) {
  struct tls_reader r = {piece.data, piece.size, false};
  return r;
}

/* Has everything been read, and nothing been missing? */
static inline bool tls_reader_done (const struct tls_reader *r) {
  return !r->failed && r->left == 0;
}

static inline struct tls_piece tls_read_bytes (struct tls_reader *r, size_t n) {
  struct tls_piece piece = {r->at, n < r->left ? n : r->left};
  r->failed = r->failed || n > r->left;
  if (piece.size > 0) /* else 'at' may be NULL, which nothing is added to */
    r->at += piece.size;
  r->left -= piece.size;
  return piece;
}

/* A big-endian number of one or two bytes. */
static inline unsigned tls_read_number (struct tls_reader *r, size_t bytes) {
  struct tls_piece piece = tls_read_bytes(r, bytes);
  if (piece.size < bytes)
    return 0;
  return bytes == 1 ? piece.data[0]
                    : (unsigned)piece.data[0] << 8 | piece.data[1];
}

static inline unsigned tls_read_u8 (struct tls_reader *r) {
  return tls_read_number(r, 1);
}

static inline unsigned tls_read_u16 (struct tls_reader *r) {
  return tls_read_number(r, 2);
}

/* Bytes with their length in front (RFC 8446, 3.4), which takes 'prefix'
** bytes: one or two. */
static inline struct tls_piece tls_read_vector (struct tls_reader *r,
                                                size_t prefix) {
  size_t length = tls_read_number(r, prefix);
  return tls_read_bytes(r, length);
}

#endif
