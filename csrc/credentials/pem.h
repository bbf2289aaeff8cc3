/*
** pem: PEM text into an SSL_CTX or a store of certificates. Plain C over
** OpenSSL, which cannot throw: where a function returns false, OpenSSL's
** error queue says why. Used by the other files of this folder.
*/
#ifndef tls_credentials_pem_h
#define tls_credentials_pem_h

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

struct tls_text { /* borrowed bytes of a Lua string */
  const char *data;
  size_t size;
};

/* A BIO over the text, or NULL. */
BIO *tls_text_open (struct tls_text text);

/* When PEM text has been read to its end, OpenSSL's error queue has "no start
** line". Then, and when it has nothing else, empty it and return true. */
bool tls_pem_only_end (void);

/* The next certificate of PEM text, or NULL. The caller frees it. */
X509 *tls_pem_read_certificate (BIO *in);

/* The certificate, and the chain that follows it in the text. */
bool tls_pem_load_cert (SSL_CTX *ctx, struct tls_text pem);

/* A private key, in PEM or as the URI of an OpenSSL store ("file:...",
** "pkcs11:..."), or NULL. 'passphrase' may be empty. The caller frees it. */
EVP_PKEY *tls_pem_read_key (struct tls_text text, struct tls_text passphrase);

/* The next private key of PEM text, which is not encrypted, or NULL. The caller
** frees it. */
EVP_PKEY *tls_pem_next_key (BIO *in);

/* A public key in PEM, or NULL. The caller frees it. */
EVP_PKEY *tls_pem_read_public_key (struct tls_text pem);

/* A private key. False, too, when there is a certificate of that type already
** to which the key does not belong. */
bool tls_pem_load_key (SSL_CTX *ctx, struct tls_text text,
                       struct tls_text passphrase);

/* Trust every certificate in 'pem'. When 'ctx' is not NULL, its servers also
** name them to clients that they ask for a certificate. */
bool tls_pem_load_anchors (X509_STORE *store, SSL_CTX *ctx,
                           struct tls_text pem);

/* Revoked certificates; from then on each chain is checked for them. */
bool tls_pem_load_crl (X509_STORE *store, struct tls_text pem);

/* Parameters for DHE key exchange, and their size in bits (0: there are
** none). */
bool tls_pem_load_dhparam (SSL_CTX *ctx, struct tls_text pem);
int tls_pem_dhparam_bits (struct tls_text pem);

#endif
