/*
** client_hello: a copy of a ClientHello (RFC 8446, 4.1.2), taken while OpenSSL
** shows it. The bytes are hostile; client_hello_fields.h reads them.
*/
#ifndef tls_engine_client_hello_h
#define tls_engine_client_hello_h

#include <stdbool.h>

#include "ossl_compat.h"

#include "byte_reader.h"

/* The pieces are borrowed: from 'bytes'. */
struct tls_client_hello {
  unsigned version; /* the legacy one */
  struct tls_piece random, session_id, ciphers, compressions;
  size_t count;             /* extensions */
  int *types;               /* owned; in the order they came */
  struct tls_piece *bodies; /* owned; of each */
  unsigned char *bytes;     /* owned; all that the pieces point into */
};

/* A copy of the one that OpenSSL shows, within SSL_CTX_set_client_hello_cb(3)
** alone. NULL when there is no memory. */
struct tls_client_hello *tls_client_hello_copy (SSL *ssl);

/* NULL is allowed. */
void tls_client_hello_free (struct tls_client_hello *hello);

#endif
