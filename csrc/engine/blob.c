/*
** blob: a copy of some bytes, see blob.h.
*/
#include "blob.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

bool tls_blob_set (struct tls_blob *blob, const void *data, size_t n) {
  unsigned char *copy = NULL;
  if (data != NULL) {
    copy = malloc(n + 1); /* never NULL for an empty content */
    if (copy == NULL)
      return false;
    memcpy(copy, data, n);
  }
  tls_blob_clear(blob);
  blob->data = copy;
  blob->size = copy == NULL ? 0 : n;
  return true;
}

void tls_blob_clear (struct tls_blob *blob) {
  if (blob->data != NULL)
    OPENSSL_cleanse(blob->data, blob->size);
  free(blob->data);
  blob->data = NULL;
  blob->size = 0;
}
