/*
** byte_queue: a growable queue of bytes, see byte_queue.h.
*/
#include "byte_queue.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MIN_CAPACITY 1024
#define MAX_SPARE (256 * 1024) /* a larger buffer is freed */

void tls_buffer_pool_free (struct tls_buffer_pool *pool) {
  free(pool->spare);
  pool->spare = NULL;
}

/* Keep the larger of the spare buffer and this one. Assumes ownership. */
static void give_back (struct tls_buffer_pool *pool,
                       struct tls_buffer *buffer) {
  size_t spare = pool->spare == NULL ? 0 : pool->spare->cap;
  if (buffer->cap <= spare || buffer->cap > MAX_SPARE) {
    free(buffer);
    return;
  }
  free(pool->spare);
  pool->spare = buffer;
}

void tls_byte_queue_init (struct tls_byte_queue *b,
                          struct tls_buffer_pool *pool) {
  b->buffer = NULL;
  b->pool = pool;
}

void tls_byte_queue_clear (struct tls_byte_queue *b) {
  if (b->buffer != NULL)
    give_back(b->pool, b->buffer);
  b->buffer = NULL;
}

static size_t grown (size_t cap, size_t need) {
  if (cap < MIN_CAPACITY)
    cap = MIN_CAPACITY;
  while (cap < need)
    cap *= 2;
  return cap;
}

/* Room for 'n' bytes in all. False when there is no memory. */
static bool grow (struct tls_byte_queue *b, size_t n) {
  size_t cap = b->buffer == NULL ? 0 : b->buffer->cap;
  if (cap >= n)
    return true;
  cap = grown(cap, n);
  struct tls_buffer *buffer = realloc(b->buffer, sizeof *buffer + cap);
  if (buffer == NULL)
    return false;
  if (b->buffer == NULL)
    buffer->head = buffer->tail = 0;
  buffer->cap = cap;
  b->buffer = buffer;
  return true;
}

/* An empty queue takes the pool's spare buffer before it asks malloc. */
static void take_spare (struct tls_byte_queue *b) {
  b->buffer = b->pool->spare;
  b->pool->spare = NULL;
  if (b->buffer != NULL)
    b->buffer->head = b->buffer->tail = 0;
}

static void move_to_front (struct tls_buffer *buffer) {
  memmove(buffer->data, buffer->data + buffer->head,
          buffer->tail - buffer->head);
  buffer->tail -= buffer->head;
  buffer->head = 0;
}

/* Make room for 'n' more bytes after the tail. */
static bool reserve (struct tls_byte_queue *b, size_t n) {
  size_t size = tls_byte_queue_size(b);
  if (b->buffer == NULL)
    take_spare(b);
  if (b->buffer != NULL && b->buffer->cap - b->buffer->tail >= n)
    return true;
  if (b->buffer != NULL && b->buffer->head > 0)
    move_to_front(b->buffer);
  return n <= SIZE_MAX / 4 - size && grow(b, size + n);
}

bool tls_byte_queue_append (struct tls_byte_queue *b, const void *src,
                            size_t n) {
  if (n == 0)
    return true;
  if (!reserve(b, n))
    return false;
  memcpy(b->buffer->data + b->buffer->tail, src, n);
  b->buffer->tail += n;
  return true;
}

void tls_byte_queue_consume (struct tls_byte_queue *b, size_t n) {
  assert(n <= tls_byte_queue_size(b)); /* or what lies behind would be sent */
  if (b->buffer == NULL)
    return;
  b->buffer->head += n;
  if (b->buffer->head == b->buffer->tail)
    tls_byte_queue_clear(b);
}

void tls_byte_queue_move (struct tls_byte_queue *to,
                          struct tls_byte_queue *from) {
  *to = *from;
  from->buffer = NULL;
}
