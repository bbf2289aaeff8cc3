/*
** bytes: a growable queue of bytes that gives its memory back when drained.
*/
#include "bytes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MIN_CAPACITY 1024
#define MAX_SPARE (256 * 1024) /* a larger buffer is not worth keeping */

void tls_pool_free (struct tls_pool *pool) {
  free(pool->spare);
  pool->spare = NULL;
  pool->cap = 0;
}

/* Keep the larger of the spare buffer and this one. Assumes ownership. */
static void give_back (struct tls_pool *pool, char *data, size_t cap) {
  if (cap <= pool->cap || cap > MAX_SPARE) {
    free(data);
    return;
  }
  free(pool->spare);
  pool->spare = data;
  pool->cap = cap;
}

void tls_bytes_init (struct tls_bytes *b, struct tls_pool *pool) {
  memset(b, 0, sizeof *b);
  b->pool = pool;
}

void tls_bytes_clear (struct tls_bytes *b) {
  if (b->data != NULL)
    give_back(b->pool, b->data, b->cap);
  tls_bytes_init(b, b->pool);
}

/* An empty queue takes the pool's spare buffer before it asks malloc. */
static void take_spare (struct tls_bytes *b) {
  b->data = b->pool->spare;
  b->cap = b->pool->cap;
  b->pool->spare = NULL;
  b->pool->cap = 0;
}

static size_t grown (size_t cap, size_t need) {
  if (cap < MIN_CAPACITY)
    cap = MIN_CAPACITY;
  while (cap < need)
    cap *= 2;
  return cap;
}

/* Make room for 'n' more bytes behind the tail. */
static bool reserve (struct tls_bytes *b, size_t n) {
  size_t size = tls_bytes_size(b);
  if (b->data == NULL)
    take_spare(b);
  if (b->cap - b->tail >= n)
    return true;
  if (b->head > 0) {
    memmove(b->data, b->data + b->head, size);
    b->head = 0;
    b->tail = size;
  }
  if (b->cap - size >= n)
    return true;
  if (n > SIZE_MAX / 4 - size)
    return false;
  size_t cap = grown(b->cap, size + n);
  char *data = realloc(b->data, cap);
  if (data == NULL)
    return false;
  b->data = data;
  b->cap = cap;
  return true;
}

bool tls_bytes_append (struct tls_bytes *b, const void *src, size_t n) {
  if (n == 0)
    return true;
  if (!reserve(b, n))
    return false;
  memcpy(b->data + b->tail, src, n);
  b->tail += n;
  return true;
}

void tls_bytes_consume (struct tls_bytes *b, size_t n) {
  b->head += n;
  if (b->head == b->tail)
    tls_bytes_clear(b);
}

void tls_bytes_move (struct tls_bytes *to, struct tls_bytes *from) {
  *to = *from;
  tls_bytes_init(from, from->pool);
}
