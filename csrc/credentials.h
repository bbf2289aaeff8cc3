/*
** credentials: PEM and PKCS#12 text into an SSL_CTX. Plain C over OpenSSL:
** nothing here can throw; where a function returns false, OpenSSL's error
** queue says why.
*/
#ifndef tls_credentials_h
#define tls_credentials_h

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

struct tls_text { /* borrowed bytes of a Lua string */
  const char *data;
  size_t size;
};

/* The leaf and, behind it, its chain. */
bool tls_load_cert (SSL_CTX *ctx, struct tls_text pem);

/* A private key; 'passphrase' may be empty. Refuses a key that does not
** belong to the certificate of its type, when there is one. */
bool tls_load_key (SSL_CTX *ctx, struct tls_text pem,
                   struct tls_text passphrase);

/* Every certificate of 'pem' becomes an anchor; 'list' says whether a server
** names it to its clients. */
bool tls_load_ca (SSL_CTX *ctx, X509_STORE *store, struct tls_text pem);

bool tls_load_crl (X509_STORE *store, struct tls_text pem);

/* Key, certificate and the others of a PKCS#12 file, which go into the chain
** that is sent and become anchors. */
bool tls_load_pfx (SSL_CTX *ctx, X509_STORE *store, struct tls_text der,
                   struct tls_text passphrase);

/* Parameters for DHE; '*bits' is their size. */
bool tls_load_dhparam (SSL_CTX *ctx, struct tls_text pem, int *bits);

#endif
