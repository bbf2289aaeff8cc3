/*
** pfx: PKCS#12 into an SSL_CTX. Plain C over OpenSSL: nothing here can throw.
*/
#ifndef tls_pkcs12_h
#define tls_pkcs12_h

#include "pem.h"

enum tls_pkcs12 {
  TLS_PKCS12_LOADED,
  TLS_PKCS12_FAILED,     /* OpenSSL's error queue says why */
  TLS_PKCS12_NO_KEY,     /* nothing in it to be used */
  TLS_PKCS12_UNSUPPORTED /* old algorithms, and no legacy provider installed */
};

/* Key, certificate and the others of a PKCS#12 file, which go into the chain
** that is sent and become anchors. Files with RC2 or 3DES, as OpenSSL 1.1 and
** older Windows write them, are read in a library context of their own, so that
** the process's providers stay as they are. */
enum tls_pkcs12 tls_load_pkcs12 (SSL_CTX *ctx, X509_STORE *store,
                                 struct tls_text der,
                                 struct tls_text passphrase);

#endif
