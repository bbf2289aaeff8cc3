/*
** credentials: PEM and PKCS#12 text into an SSL_CTX.
*/
#include "credentials.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

static BIO *open_text (struct tls_text text) {
  if (text.size > INT_MAX)
    return NULL;
  return BIO_new_mem_buf(text.data, (int)text.size);
}

/* pem_password_cb(3). An empty answer, rather than a refusal, makes a missing
** passphrase the same "bad decrypt" as a wrong one; it also keeps OpenSSL from
** asking at the terminal. */
static int on_passphrase (char *buf, int size, int writing, void *arg) {
  const struct tls_text *passphrase = arg;
  (void)writing;
  if (passphrase == NULL || passphrase->size > (size_t)size)
    return 0;
  memcpy(buf, passphrase->data, passphrase->size);
  return (int)passphrase->size;
}

static struct tls_text no_passphrase = {"", 0};

/* Reading PEM until it ends leaves "no start line" in the queue: that is the
** normal end after at least one. */
static bool only_end_of_pem (void) {
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
    int ok = SSL_CTX_add0_chain_cert(ctx, cert); /* takes it over */
    if (!ok) {
      X509_free(cert);
      return false;
    }
  }
  return only_end_of_pem();
}

bool tls_load_cert (SSL_CTX *ctx, struct tls_text pem) {
  BIO *bio = open_text(pem);
  if (bio == NULL)
    return false;
  X509 *leaf = PEM_read_bio_X509_AUX(bio, NULL, on_passphrase, &no_passphrase);
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

bool tls_load_key (SSL_CTX *ctx, struct tls_text pem,
                   struct tls_text passphrase) {
  BIO *bio = open_text(pem);
  if (bio == NULL)
    return false;
  EVP_PKEY *key =
      PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, &passphrase);
  bool ok = key != NULL && use_key(ctx, key);
  EVP_PKEY_free(key);
  BIO_free(bio);
  return ok;
}

bool tls_load_ca (SSL_CTX *ctx, X509_STORE *store, struct tls_text pem) {
  BIO *bio = open_text(pem);
  X509 *cert;
  size_t count = 0;
  bool ok = bio != NULL;
  while (ok && (cert = PEM_read_bio_X509_AUX(bio, NULL, on_passphrase,
                                             &no_passphrase))) {
    ok = X509_STORE_add_cert(store, cert) && SSL_CTX_add_client_CA(ctx, cert);
    X509_free(cert); /* both have their own reference */
    count++;
  }
  BIO_free(bio);
  return ok && count > 0 && only_end_of_pem();
}

bool tls_load_crl (X509_STORE *store, struct tls_text pem) {
  BIO *bio = open_text(pem);
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
  return ok && count > 0 && only_end_of_pem() &&
         X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK |
                                         X509_V_FLAG_CRL_CHECK_ALL);
}

static bool use_others (SSL_CTX *ctx, X509_STORE *store,
                        STACK_OF(X509) * others) {
  int i;
  for (i = 0; i < sk_X509_num(others); i++) {
    X509 *cert = sk_X509_value(others, i);
    if (!SSL_CTX_add1_chain_cert(ctx, cert) ||
        !X509_STORE_add_cert(store, cert) || !SSL_CTX_add_client_CA(ctx, cert))
      return false;
  }
  return true;
}

static bool use_pfx (SSL_CTX *ctx, X509_STORE *store, PKCS12 *pfx,
                     const char *passphrase) {
  EVP_PKEY *key = NULL;
  X509 *cert = NULL;
  STACK_OF(X509) *others = NULL;
  if (!PKCS12_parse(pfx, passphrase, &key, &cert, &others))
    return false;
  bool ok = key != NULL && cert != NULL &&
            SSL_CTX_use_certificate(ctx, cert) == 1 && use_key(ctx, key) &&
            use_others(ctx, store, others);
  EVP_PKEY_free(key);
  X509_free(cert);
  sk_X509_pop_free(others, X509_free);
  return ok;
}

bool tls_load_pfx (SSL_CTX *ctx, X509_STORE *store, struct tls_text der,
                   struct tls_text passphrase) {
  BIO *bio = open_text(der);
  if (bio == NULL)
    return false;
  PKCS12 *pfx = d2i_PKCS12_bio(bio, NULL);
  /* Lua strings end in NUL, so the passphrase does. */
  bool ok = pfx != NULL && use_pfx(ctx, store, pfx, passphrase.data);
  PKCS12_free(pfx);
  BIO_free(bio);
  return ok;
}

bool tls_load_dhparam (SSL_CTX *ctx, struct tls_text pem, int *bits) {
  BIO *bio = open_text(pem);
  if (bio == NULL)
    return false;
  EVP_PKEY *params = PEM_read_bio_Parameters_ex(bio, NULL, NULL, NULL);
  BIO_free(bio);
  if (params == NULL)
    return false;
  *bits = EVP_PKEY_get_bits(params);
  if (*bits >= 1024 && SSL_CTX_set0_tmp_dh_pkey(ctx, params) == 1)
    return true; /* the context has taken it over */
  EVP_PKEY_free(params);
  return false;
}
