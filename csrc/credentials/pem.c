/*
** pem: PEM text into an SSL_CTX or a store, see pem.h.
*/
#include "pem.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/storeerr.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

BIO *tls_text_open (struct tls_text text) {
  if (text.size > INT_MAX)
    return NULL;
  return BIO_new_mem_buf(text.data, (int)text.size);
}

/* pem_password_cb(3): the only one there is, so OpenSSL never asks at the
** terminal. With an empty answer instead of a refusal, a missing passphrase
** gives the same error as a wrong one, "bad decrypt". */
static int on_passphrase (char *buf, int size, int writing, void *arg) {
  const struct tls_text *passphrase = arg;
  (void)writing;
  if (passphrase == NULL || passphrase->size > (size_t)size)
    return 0;
  memcpy(buf, passphrase->data, passphrase->size);
  return (int)passphrase->size;
}

static struct tls_text no_passphrase = {"", 0};

bool tls_pem_only_end (void) {
  unsigned long entry = ERR_peek_last_error();
  if (ERR_GET_LIB(entry) != ERR_LIB_PEM ||
      ERR_GET_REASON(entry) != PEM_R_NO_START_LINE)
    return false;
  ERR_clear_error();
  return true;
}

static bool add_chain (SSL_CTX *ctx, BIO *bio) {
  X509 *cert;
  while ((cert = PEM_read_bio_X509(bio, NULL, on_passphrase, &no_passphrase))) {
    int ok = SSL_CTX_add0_chain_cert(ctx, cert); /* takes 'cert' over */
    if (!ok) {
      X509_free(cert);
      return false;
    }
  }
  return tls_pem_only_end();
}

X509 *tls_pem_read_certificate (BIO *in) {
  return PEM_read_bio_X509_AUX(in, NULL, on_passphrase, &no_passphrase);
}

bool tls_pem_load_cert (SSL_CTX *ctx, struct tls_text pem) {
  BIO *bio = tls_text_open(pem);
  if (bio == NULL)
    return false;
  X509 *leaf = tls_pem_read_certificate(bio);
  bool ok = leaf != NULL && SSL_CTX_use_certificate(ctx, leaf) == 1 &&
            add_chain(ctx, bio);
  X509_free(leaf); /* the context has its own reference */
  BIO_free(bio);
  return ok;
}

static bool use_key (SSL_CTX *ctx, EVP_PKEY *key) {
  bool has_cert = SSL_CTX_get0_certificate(ctx) != NULL;
  if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
    return false;
  return !has_cert || SSL_CTX_check_private_key(ctx) == 1;
}

static EVP_PKEY *read_pem_key (struct tls_text pem,
                               struct tls_text passphrase) {
  BIO *bio = tls_text_open(pem);
  if (bio == NULL)
    return NULL;
  EVP_PKEY *key =
      PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, &passphrase);
  BIO_free(bio);
  return key;
}

/* "file:/etc/key.pem", "pkcs11:object=web": a scheme, and no white space. */
static bool is_uri (struct tls_text text) {
  size_t scheme = strspn(text.data, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
  return scheme > 1 && text.data[scheme] == ':' &&
         strcspn(text.data, " \t\r\n") == text.size;
}

static EVP_PKEY *next_key (OSSL_STORE_CTX *store) {
  OSSL_STORE_INFO *info = OSSL_STORE_load(store);
  EVP_PKEY *key = NULL;
  if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
    key = OSSL_STORE_INFO_get1_PKEY(info);
  OSSL_STORE_INFO_free(info);
  return key;
}

/* In the words of OpenSSL 3.0, and what the system has said. Newer releases
** leave what the last loader that they have asked has said. */
static void nothing_to_open (void) {
  unsigned long entry, of_system = 0;
  while ((entry = ERR_get_error()) != 0)
    if (ERR_SYSTEM_ERROR(entry))
      of_system = entry;
  ERR_raise(ERR_LIB_OSSL_STORE, OSSL_STORE_R_UNREGISTERED_SCHEME);
  if (of_system != 0)
    ERR_raise(ERR_LIB_SYS, ERR_GET_REASON(of_system));
}

/* From a file, a token, or wherever a provider looks (ossl_store(7)). */
static EVP_PKEY *read_stored_key (struct tls_text uri,
                                  struct tls_text passphrase) {
  EVP_PKEY *key = NULL;
  UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(on_passphrase, 0);
  if (ui == NULL)
    return NULL;
  OSSL_STORE_CTX *store =
      OSSL_STORE_open(uri.data, ui, &passphrase, NULL, NULL);
  if (store != NULL && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY))
    while (key == NULL && !OSSL_STORE_eof(store) && !OSSL_STORE_error(store))
      key = next_key(store);
  if (store == NULL)
    nothing_to_open();
  OSSL_STORE_close(store); /* NULL is allowed */
  UI_destroy_method(ui);
  return key;
}

EVP_PKEY *tls_pem_read_key (struct tls_text text, struct tls_text passphrase) {
  return is_uri(text) ? read_stored_key(text, passphrase)
                      : read_pem_key(text, passphrase);
}

EVP_PKEY *tls_pem_next_key (BIO *in) {
  return PEM_read_bio_PrivateKey(in, NULL, on_passphrase, &no_passphrase);
}

EVP_PKEY *tls_pem_read_public_key (struct tls_text pem) {
  BIO *bio = tls_text_open(pem);
  if (bio == NULL)
    return NULL;
  EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, on_passphrase, &no_passphrase);
  BIO_free(bio);
  return key;
}

bool tls_pem_load_key (SSL_CTX *ctx, struct tls_text text,
                       struct tls_text passphrase) {
  EVP_PKEY *key = tls_pem_read_key(text, passphrase);
  bool ok = key != NULL && use_key(ctx, key);
  EVP_PKEY_free(key);
  return ok;
}

static bool add_anchor (X509_STORE *store, SSL_CTX *ctx, X509 *cert) {
  return X509_STORE_add_cert(store, cert) &&
         (ctx == NULL || SSL_CTX_add_client_CA(ctx, cert));
}

bool tls_pem_load_anchors (X509_STORE *store, SSL_CTX *ctx,
                           struct tls_text pem) {
  BIO *bio = tls_text_open(pem);
  X509 *cert;
  size_t count = 0;
  bool ok = bio != NULL;
  while (ok && (cert = tls_pem_read_certificate(bio))) {
    ok = add_anchor(store, ctx, cert);
    X509_free(cert); /* both have their own reference */
    count++;
  }
  BIO_free(bio);
  return ok && count > 0 && tls_pem_only_end();
}

bool tls_pem_load_crl (X509_STORE *store, struct tls_text pem) {
  BIO *bio = tls_text_open(pem);
  X509_CRL *crl;
  size_t count = 0;
  bool ok = bio != NULL;
  while (ok && (crl = PEM_read_bio_X509_CRL(bio, NULL, on_passphrase,
                                            &no_passphrase))) {
    ok = X509_STORE_add_crl(store, crl);
    X509_CRL_free(crl); /* the store has its own reference */
    count++;
  }
  BIO_free(bio);
  return ok && count > 0 && tls_pem_only_end() &&
         X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK |
                                         X509_V_FLAG_CRL_CHECK_ALL);
}

static EVP_PKEY *read_dhparam (struct tls_text pem) {
  BIO *bio = tls_text_open(pem);
  if (bio == NULL)
    return NULL;
  EVP_PKEY *params = PEM_read_bio_Parameters_ex(bio, NULL, NULL, NULL);
  BIO_free(bio);
  return params;
}

int tls_pem_dhparam_bits (struct tls_text pem) {
  EVP_PKEY *params = read_dhparam(pem);
  int bits = params == NULL ? 0 : EVP_PKEY_get_bits(params);
  EVP_PKEY_free(params);
  return bits;
}

bool tls_pem_load_dhparam (SSL_CTX *ctx, struct tls_text pem) {
  EVP_PKEY *params = read_dhparam(pem);
  if (params != NULL && SSL_CTX_set0_tmp_dh_pkey(ctx, params) == 1)
    return true; /* the context has taken it over */
  EVP_PKEY_free(params);
  return false;
}
