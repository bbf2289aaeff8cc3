/*
** bytes: a growable queue of bytes that gives its memory back when drained.
*/
#include "byte_queue.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MIN_CAPACITY 1024
#define MAX_SPARE (256 * 1024) /* a larger buffer is not worth keeping */

void tls_buffer_pool_free (struct tls_buffer_pool *pool) {
  free(pool->spare);
  pool->spare = NULL;
}

/* Keep the larger of the spare buffer and this one. Assumes ownership. */
static void give_back (struct tls_buffer_pool *pool, struct tls_buffer *chunk) {
  size_t spare = pool->spare == NULL ? 0 : pool->spare->cap;
  if (chunk->cap <= spare || chunk->cap > MAX_SPARE) {
    free(chunk);
    return;
  }
  free(pool->spare);
  pool->spare = chunk;
}

void tls_byte_queue_init (struct tls_byte_queue *b,
                          struct tls_buffer_pool *pool) {
  b->chunk = NULL;
  b->pool = pool;
}

void tls_byte_queue_clear (struct tls_byte_queue *b) {
  if (b->chunk != NULL)
    give_back(b->pool, b->chunk);
  b->chunk = NULL;
}

static size_t grown (size_t cap, size_t need) {
  if (cap < MIN_CAPACITY)
    cap = MIN_CAPACITY;
  while (cap < need)
    cap *= 2;
  return cap;
}

/* Room for 'n' bytes in all. False when memory is out. */
static bool grow (struct tls_byte_queue *b, size_t n) {
  size_t cap = b->chunk == NULL ? 0 : b->chunk->cap;
  if (cap >= n)
    return true;
  cap = grown(cap, n);
  struct tls_buffer *chunk = realloc(b->chunk, sizeof *chunk + cap);
  if (chunk == NULL)
    return false;
  if (b->chunk == NULL)
    chunk->head = chunk->tail = 0;
  chunk->cap = cap;
  b->chunk = chunk;
  return true;
}

/* An empty queue takes the pool's spare buffer before it asks malloc. */
static void take_spare (struct tls_byte_queue *b) {
  b->chunk = b->pool->spare;
  b->pool->spare = NULL;
  if (b->chunk != NULL)
    b->chunk->head = b->chunk->tail = 0;
}

static void move_to_front (struct tls_buffer *chunk) {
  memmove(chunk->data, chunk->data + chunk->head, chunk->tail - chunk->head);
  chunk->tail -= chunk->head;
  chunk->head = 0;
}

/* Make room for 'n' more bytes behind the tail. */
static bool reserve (struct tls_byte_queue *b, size_t n) {
  size_t size = tls_byte_queue_size(b);
  if (b->chunk == NULL)
    take_spare(b);
  if (b->chunk != NULL && b->chunk->cap - b->chunk->tail >= n)
    return true;
  if (b->chunk != NULL && b->chunk->head > 0)
    move_to_front(b->chunk);
  return n <= SIZE_MAX / 4 - size && grow(b, size + n);
}

bool tls_byte_queue_append (struct tls_byte_queue *b, const void *src,
                            size_t n) {
  if (n == 0)
    return true;
  if (!reserve(b, n))
    return false;
  memcpy(b->chunk->data + b->chunk->tail, src, n);
  b->chunk->tail += n;
  return true;
}

void tls_byte_queue_consume (struct tls_byte_queue *b, size_t n) {
  assert(n <= tls_byte_queue_size(b)); /* or memory of others would be sent */
  if (b->chunk == NULL)
    return;
  b->chunk->head += n;
  if (b->chunk->head == b->chunk->tail)
    tls_byte_queue_clear(b);
}

void tls_byte_queue_move (struct tls_byte_queue *to,
                          struct tls_byte_queue *from) {
  *to = *from;
  from->chunk = NULL;
}
