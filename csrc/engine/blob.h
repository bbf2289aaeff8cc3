/*
** blob: some bytes that a struct owns. Knows nothing of TLS.
*/
#ifndef tls_engine_blob_h
#define tls_engine_blob_h

#include <stdbool.h>
#include <stddef.h>

struct tls_blob {
  unsigned char *data; /* owned; NULL when there is none */
  size_t size;
};

/* Replace the content by a copy of 'n' bytes at 'data'; NULL leaves no
** content. False when there is no memory: then the old content stays. */
bool tls_blob_set (struct tls_blob *blob, const void *data, size_t n);

/* Cleanse and free the content. Safe to call twice. */
void tls_blob_clear (struct tls_blob *blob);

#endif
