/*
** byte_queue: a growable queue of bytes that gives its memory back when
** drained.
*/
#ifndef tls_engine_byte_queue_h
#define tls_engine_byte_queue_h

#include <stdbool.h>
#include <stddef.h>

struct tls_buffer {
  size_t head; /* first byte not yet consumed */
  size_t tail; /* first free byte */
  size_t cap;  /* bytes in 'data' */
  char data[];
};

/* One spare buffer, which all queues of a pool hand to each other: a queue
** that fills and drains in each turn of the loop costs no malloc, and an idle
** one holds no memory. A pool and its queues belong to one thread. */
struct tls_buffer_pool {
  struct tls_buffer *spare; /* owned, or NULL */
};

struct tls_byte_queue {
  struct tls_buffer *buffer;    /* owned; NULL while empty */
  struct tls_buffer_pool *pool; /* borrowed; outlives the queue */
};

void tls_buffer_pool_free (struct tls_buffer_pool *pool);

void tls_byte_queue_init (struct tls_byte_queue *b,
                          struct tls_buffer_pool *pool);

/* Drop the content and give the memory back. Safe to call twice. */
void tls_byte_queue_clear (struct tls_byte_queue *b);

/* Append 'n' bytes. False (and nothing appended) when there is no memory. */
bool tls_byte_queue_append (struct tls_byte_queue *b, const void *src,
                            size_t n);

/* Drop 'n' bytes from the front; 'n' is at most tls_byte_queue_size(). */
void tls_byte_queue_consume (struct tls_byte_queue *b, size_t n);

/* Move all of 'from' to the empty queue 'to'. */
void tls_byte_queue_move (struct tls_byte_queue *to,
                          struct tls_byte_queue *from);

static inline size_t tls_byte_queue_size (const struct tls_byte_queue *b) {
  return b->buffer == NULL ? 0 : b->buffer->tail - b->buffer->head;
}

/* The first byte; NULL while empty. Borrowed until the queue changes. */
static inline const char *tls_byte_queue_peek (const struct tls_byte_queue *b) {
  return b->buffer == NULL ? NULL : b->buffer->data + b->buffer->head;
}

#endif
