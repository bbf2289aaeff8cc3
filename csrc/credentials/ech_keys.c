/*
** ech_keys: a server's keys of Encrypted Client Hello, see ech_keys.h and
** OSSL_ECHSTORE_new(3).
*/
#include "ech_keys.h"

#include "engine/ossl_compat.h"

#if TLS_CAN_ECH

static int count_keys (OSSL_ECHSTORE *store) {
  int n = 0;
  return OSSL_ECHSTORE_num_keys(store, &n) == 1 ? n : 0;
}

/* A context keeps a copy, and so does each of its connections. OpenSSL reads
** lists, too, that are of another key, and keeps them as somebody else's. */
static enum tls_ech_keys add_config (SSL_CTX *ctx, OSSL_ECHSTORE *store,
                                     EVP_PKEY *key, BIO *in, bool retry) {
  int for_retry = retry ? OSSL_ECH_FOR_RETRY : OSSL_ECH_NO_RETRY;
  int before = count_keys(store);
  if (OSSL_ECHSTORE_set1_key_and_read_pem(store, key, in, for_retry) != 1 ||
      count_keys(store) == before)
    return TLS_ECH_KEYS_NO_CONFIG;
  return SSL_CTX_set1_echstore(ctx, store) == 1 ? TLS_ECH_KEYS_ADDED
                                                : TLS_ECH_KEYS_FAILED;
}

/* RFC 9934: the key comes first, the list behind it. OpenSSL's own function for
** both asks for the passphrase of a key at the terminal. */
static enum tls_ech_keys add_pem (SSL_CTX *ctx, OSSL_ECHSTORE *store,
                                  struct tls_text pem, bool retry) {
  BIO *in = tls_text_open(pem);
  EVP_PKEY *key = in == NULL ? NULL : tls_pem_next_key(in);
  enum tls_ech_keys result = TLS_ECH_KEYS_FAILED;
  if (key != NULL)
    result = add_config(ctx, store, key, in, retry);
  EVP_PKEY_free(key);
  BIO_free(in);
  return result;
}

enum tls_ech_keys tls_ech_keys_add (SSL_CTX *ctx, struct tls_text pem,
                                    bool retry) {
  OSSL_ECHSTORE *store = SSL_CTX_get1_echstore(ctx);
  if (store == NULL)
    store = OSSL_ECHSTORE_new(NULL, NULL);
  if (store == NULL)
    return TLS_ECH_KEYS_FAILED;
  enum tls_ech_keys result = add_pem(ctx, store, pem, retry);
  OSSL_ECHSTORE_free(store);
  return result;
}

#else

enum tls_ech_keys tls_ech_keys_add (SSL_CTX *ctx, struct tls_text pem,
                                    bool retry) {
  (void)ctx, (void)pem, (void)retry;
  return TLS_ECH_KEYS_UNKNOWN;
}

#endif
