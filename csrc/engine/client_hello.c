/*
** client_hello: a copy of a ClientHello, see client_hello.h.
*/
#include "client_hello.h"

#include <stdlib.h>
#include <string.h>

static void read_fields (SSL *ssl, struct tls_client_hello *h) {
  h->version = SSL_client_hello_get0_legacy_version(ssl);
  h->random.size = SSL_client_hello_get0_random(ssl, &h->random.data);
  h->session_id.size =
      SSL_client_hello_get0_session_id(ssl, &h->session_id.data);
  h->ciphers.size = SSL_client_hello_get0_ciphers(ssl, &h->ciphers.data);
  h->compressions.size =
      SSL_client_hello_get0_compression_methods(ssl, &h->compressions.data);
}

/* OpenSSL allocates 'types'; what is kept is copied to memory of our own. */
static bool read_extensions (SSL *ssl, struct tls_client_hello *h) {
  size_t i;
  int *types = NULL;
  if (!SSL_client_hello_get1_extensions_present(ssl, &types, &h->count))
    return false;
  h->types = calloc(h->count + 1, sizeof *h->types);
  h->bodies = calloc(h->count + 1, sizeof *h->bodies);
  bool ok = h->types != NULL && h->bodies != NULL;
  for (i = 0; ok && i < h->count; i++) {
    h->types[i] = types[i];
    SSL_client_hello_get0_ext(ssl, (unsigned)types[i], &h->bodies[i].data,
                              &h->bodies[i].size);
  }
  OPENSSL_free(types);
  return ok;
}

static void move_piece (struct tls_piece *piece, unsigned char **to) {
  if (piece->size > 0)
    memcpy(*to, piece->data, piece->size);
  piece->data = *to;
  *to += piece->size;
}

/* The pieces point into OpenSSL's memory: copy them, and point there. */
static bool copy_pieces (struct tls_client_hello *h) {
  size_t i, size = h->random.size + h->session_id.size + h->ciphers.size +
                   h->compressions.size;
  for (i = 0; i < h->count; i++)
    size += h->bodies[i].size;
  unsigned char *to = h->bytes = malloc(size + 1);
  if (to == NULL)
    return false;
  move_piece(&h->random, &to);
  move_piece(&h->session_id, &to);
  move_piece(&h->ciphers, &to);
  move_piece(&h->compressions, &to);
  for (i = 0; i < h->count; i++)
    move_piece(&h->bodies[i], &to);
  return true;
}

struct tls_client_hello *tls_client_hello_copy (SSL *ssl) {
  struct tls_client_hello *h = calloc(1, sizeof *h);
  if (h == NULL)
    return NULL;
  read_fields(ssl, h);
  if (read_extensions(ssl, h) && copy_pieces(h))
    return h;
  tls_client_hello_free(h);
  return NULL;
}

void tls_client_hello_free (struct tls_client_hello *hello) {
  if (hello == NULL)
    return;
  free(hello->types);
  free(hello->bodies);
  free(hello->bytes);
  free(hello);
}
