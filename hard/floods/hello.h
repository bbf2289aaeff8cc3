/*
** hello: the bytes of a ClientHello.
*/
#ifndef tls_floods_hello_h
#define tls_floods_hello_h

#include <openssl/ssl.h>

/* Writes it to 'to', and returns its length. */
static int make_hello (SSL_CTX *ctx, unsigned char *to, int room) {
  SSL *ssl = SSL_new(ctx);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  int length;
  SSL_set_bio(ssl, in, out);
  SSL_connect(ssl);
  length = BIO_read(out, to, room);
  SSL_free(ssl);
  return length;
}

#endif
