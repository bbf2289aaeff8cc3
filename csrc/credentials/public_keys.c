/*
** public_keys: public keys without a certificate, see public_keys.h.
*/
#include "public_keys.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "certificate_fields.h"
#include "engine/raw_keys.h"
#include "lua/owned_pointer.h"
#include "pem.h"

/* Exactly these bytes. */
static bool trust_der (SSL_CTX *ctx, const unsigned char *der, size_t size) {
  const unsigned char *end = der + size;
  EVP_PKEY *key = size > INT_MAX ? NULL : d2i_PUBKEY(NULL, &der, (long)size);
  bool ok = key != NULL && der == end && tls_raw_keys_trust(ctx, key);
  EVP_PKEY_free(key); /* NULL is allowed */
  return ok;
}

/* The next block of a public key; false at the end of the text as well. */
static bool trust_next (SSL_CTX *ctx, BIO *bio, bool *damaged) {
  unsigned char *der = NULL;
  long size;
  if (PEM_bytes_read_bio(&der, &size, NULL, PEM_STRING_PUBLIC, bio, NULL,
                         NULL) != 1)
    return false;
  *damaged = !trust_der(ctx, der, (size_t)size);
  OPENSSL_free(der);
  return !*damaged;
}

static bool trust_pem (SSL_CTX *ctx, struct tls_text text) {
  BIO *bio = tls_text_open(text);
  bool damaged = false;
  size_t count = 0;
  while (bio != NULL && trust_next(ctx, bio, &damaged))
    count++;
  BIO_free(bio);
  return count > 0 && !damaged && tls_pem_only_end();
}

/* What is no DER may be PEM, and if it is neither, the error is that of the
** PEM. */
bool tls_public_keys_trust (SSL_CTX *ctx, struct tls_text text) {
  ERR_set_mark();
  bool ok = trust_der(ctx, (const unsigned char *)text.data, text.size);
  ERR_pop_to_mark();
  return ok || trust_pem(ctx, text);
}

void tls_public_key_push_pem (lua_State *L, const EVP_PKEY *key) {
  int size = i2d_PUBKEY(key, NULL);
  unsigned char *bytes, *end;
  bytes = end = tls_push_buffer(L, size > 0 ? (size_t)size : 0);
  if (size > 0 && i2d_PUBKEY(key, &end) != size)
    size = 0;
  tls_certificate_push_spki_pem(L, bytes, size);
  lua_remove(L, -2);
}
