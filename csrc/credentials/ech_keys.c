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

/* RFC 9934: the key comes first, the list behind it. Read by the context's own
** function, OpenSSL asks for the passphrase of a key at the terminal. */
static bool read_pem (OSSL_ECHSTORE *store, BIO *in, bool retry) {
  EVP_PKEY *key = tls_pem_next_key(in);
  int for_retry = retry ? OSSL_ECH_FOR_RETRY : OSSL_ECH_NO_RETRY;
  bool ok = key != NULL &&
            OSSL_ECHSTORE_set1_key_and_read_pem(store, key, in, for_retry) == 1;
  EVP_PKEY_free(key);
  return ok;
}

/* A context keeps a copy, and so does each of its connections. */
static enum tls_ech_keys add_to (SSL_CTX *ctx, OSSL_ECHSTORE *store,
                                 struct tls_text pem, bool retry) {
  int before = count_keys(store);
  BIO *in = tls_text_open(pem);
  bool ok = in != NULL && read_pem(store, in, retry);
  BIO_free(in);
  if (ok && count_keys(store) == before)
    return TLS_ECH_KEYS_NO_KEYS;
  return ok && SSL_CTX_set1_echstore(ctx, store) == 1 ? TLS_ECH_KEYS_ADDED
                                                      : TLS_ECH_KEYS_FAILED;
}

enum tls_ech_keys tls_ech_keys_add (SSL_CTX *ctx, struct tls_text pem,
                                    bool retry) {
  OSSL_ECHSTORE *store = SSL_CTX_get1_echstore(ctx);
  if (store == NULL)
    store = OSSL_ECHSTORE_new(NULL, NULL);
  if (store == NULL)
    return TLS_ECH_KEYS_FAILED;
  enum tls_ech_keys result = add_to(ctx, store, pem, retry);
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
