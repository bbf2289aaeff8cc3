/*
** pkcs12: PKCS#12 into an SSL_CTX, see pkcs12.h and PKCS12_parse(3).
*/
#include "pkcs12.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

struct content { /* all owned */
  EVP_PKEY *key;
  X509 *cert;
  STACK_OF(X509) * others;
};

static void clear (struct content *c) {
  EVP_PKEY_free(c->key);
  X509_free(c->cert);
  sk_X509_pop_free(c->others, X509_free);
}

/* Decode in the library context 'lib'; NULL is the process's own. The
** passphrase is a Lua string, so it ends in NUL. */
static bool decode (struct content *c, OSSL_LIB_CTX *lib, struct tls_text der,
                    struct tls_text passphrase) {
  BIO *bio = tls_text_open(der);
  PKCS12 *pfx = PKCS12_init_ex(NID_pkcs7_data, lib, NULL);
  bool ok = bio != NULL && pfx != NULL && d2i_PKCS12_bio(bio, &pfx) != NULL &&
            PKCS12_parse(pfx, passphrase.data, &c->key, &c->cert, &c->others);
  PKCS12_free(pfx);
  BIO_free(bio);
  return ok;
}

static bool says_unsupported (unsigned long entry) {
  int reason = ERR_GET_REASON(entry);
  return reason == ERR_R_UNSUPPORTED || reason == EVP_R_UNSUPPORTED_ALGORITHM;
}

/* Has decoding failed because no provider has an algorithm? */
static bool is_unsupported (void) {
  return says_unsupported(ERR_peek_error()) ||
         says_unsupported(ERR_peek_last_error());
}

/* Keys and certificates refer to the library context that they were made in.
** That context will be freed, so they are made again, from DER, in the
** process's own. */
static bool move_key (EVP_PKEY **key) {
  unsigned char *der = NULL;
  int n = i2d_PrivateKey(*key, &der);
  if (n <= 0)
    return false;
  const unsigned char *at = der;
  EVP_PKEY *copy = d2i_AutoPrivateKey(NULL, &at, n);
  OPENSSL_clear_free(der, (size_t)n);
  EVP_PKEY_free(*key);
  *key = copy;
  return copy != NULL;
}

static X509 *copy_cert (const X509 *cert) {
  unsigned char *der = NULL;
  int n = i2d_X509(cert, &der);
  const unsigned char *at = der;
  X509 *copy = n > 0 ? d2i_X509(NULL, &at, n) : NULL;
  OPENSSL_free(der);
  return copy;
}

static bool move_certs (struct content *c) {
  int i;
  if (c->cert != NULL) {
    X509 *copy = copy_cert(c->cert);
    X509_free(c->cert);
    c->cert = copy;
  }
  for (i = 0; i < sk_X509_num(c->others); i++) {
    X509 *copy = copy_cert(sk_X509_value(c->others, i));
    if (copy == NULL)
      return false;
    X509_free(sk_X509_value(c->others, i));
    (void)sk_X509_set(c->others, i, copy);
  }
  return true;
}

static bool decode_moved (struct content *c, OSSL_LIB_CTX *lib,
                          struct tls_text der, struct tls_text passphrase) {
  return decode(c, lib, der, passphrase) &&
         (c->key == NULL || move_key(&c->key)) && move_certs(c);
}

static enum tls_pkcs12 decode_legacy (struct content *c, struct tls_text der,
                                      struct tls_text passphrase) {
  enum tls_pkcs12 result = TLS_PKCS12_UNSUPPORTED;
  OSSL_LIB_CTX *lib = OSSL_LIB_CTX_new();
  OSSL_PROVIDER *usual = OSSL_PROVIDER_load(lib, "default");
  OSSL_PROVIDER *old = OSSL_PROVIDER_load(lib, "legacy");
  if (usual != NULL && old != NULL) {
    ERR_clear_error();
    bool ok = decode_moved(c, lib, der, passphrase);
    result = ok ? TLS_PKCS12_LOADED : TLS_PKCS12_FAILED;
  }
  if (result != TLS_PKCS12_LOADED) { /* freed before its library context */
    clear(c);
    *c = (struct content){0};
  }
  if (old != NULL)
    OSSL_PROVIDER_unload(old);
  if (usual != NULL)
    OSSL_PROVIDER_unload(usual);
  OSSL_LIB_CTX_free(lib); /* NULL is allowed */
  return result;
}

static bool use_others (SSL_CTX *ctx, X509_STORE *store,
                        const STACK_OF(X509) * others) {
  int i;
  for (i = 0; i < sk_X509_num(others); i++) {
    X509 *cert = sk_X509_value(others, i);
    if (!SSL_CTX_add1_chain_cert(ctx, cert) ||
        !X509_STORE_add_cert(store, cert) || !SSL_CTX_add_client_CA(ctx, cert))
      return false;
  }
  return true;
}

static bool use (SSL_CTX *ctx, X509_STORE *store, const struct content *c) {
  return SSL_CTX_use_certificate(ctx, c->cert) == 1 &&
         SSL_CTX_use_PrivateKey(ctx, c->key) == 1 &&
         SSL_CTX_check_private_key(ctx) == 1 &&
         use_others(ctx, store, c->others);
}

enum tls_pkcs12 tls_pkcs12_load (SSL_CTX *ctx, X509_STORE *store,
                                 struct tls_text der,
                                 struct tls_text passphrase) {
  struct content c = {0};
  enum tls_pkcs12 result = TLS_PKCS12_LOADED;
  if (!decode(&c, NULL, der, passphrase)) {
    clear(&c);
    c = (struct content){0};
    if (!is_unsupported())
      return TLS_PKCS12_FAILED;
    if (EVP_default_properties_is_fips_enabled(NULL))
      return TLS_PKCS12_UNSUPPORTED; /* FIPS is not got round */
    result = decode_legacy(&c, der, passphrase);
  }
  if (result == TLS_PKCS12_LOADED && (c.key == NULL || c.cert == NULL))
    result = TLS_PKCS12_NO_KEY;
  if (result == TLS_PKCS12_LOADED && !use(ctx, store, &c))
    result = TLS_PKCS12_FAILED;
  clear(&c);
  return result;
}
