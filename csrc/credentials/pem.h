/*
** credentials: PEM and PKCS#12 text into an SSL_CTX. Plain C over OpenSSL:
** nothing here can throw; where a function returns false, OpenSSL's error
** queue says why.
*/
#ifndef tls_pem_h
#define tls_pem_h

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

struct tls_text { /* borrowed bytes of a Lua string */
  const char *data;
  size_t size;
};

/* A BIO over the text, or NULL. */
BIO *tls_open_text (struct tls_text text);

/* Reading PEM until it ends leaves "no start line" in the error queue: that is
** the normal end after at least one. Empties the queue then. */
bool tls_only_end_of_pem (void);

/* The next certificate of PEM text, or NULL. The caller frees it. */
X509 *tls_read_certificate (BIO *in);

/* The leaf and, behind it, its chain. */
bool tls_load_cert (SSL_CTX *ctx, struct tls_text pem);

/* A private key, in PEM or as the URI of an OpenSSL store ("file:...",
** "pkcs11:..."); 'passphrase' may be empty. Refuses a key that does not
** belong to the certificate of its type, when there is one. */
bool tls_load_key (SSL_CTX *ctx, struct tls_text text,
                   struct tls_text passphrase);

/* Every certificate of 'pem' becomes an anchor, and a server of 'ctx' (which
** may be NULL) names it to its clients. */
bool tls_load_anchors (X509_STORE *store, SSL_CTX *ctx, struct tls_text pem);

bool tls_load_crl (X509_STORE *store, struct tls_text pem);

/* Parameters for DHE. */
bool tls_load_dhparam (SSL_CTX *ctx, struct tls_text pem);

/* Their size; 0 when there are none in the text. */
int tls_dhparam_bits (struct tls_text pem);

#endif
