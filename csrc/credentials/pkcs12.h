/*
** pfx: PKCS#12 into an SSL_CTX. Plain C over OpenSSL: nothing here can throw.
*/
#ifndef tls_pfx_h
#define tls_pfx_h

#include "pem.h"

enum tls_pfx {
  TLS_PFX_LOADED,
  TLS_PFX_FAILED,     /* OpenSSL's error queue says why */
  TLS_PFX_NO_KEY,     /* nothing in it to be used */
  TLS_PFX_UNSUPPORTED /* old algorithms, and no legacy provider installed */
};

/* Key, certificate and the others of a PKCS#12 file, which go into the chain
** that is sent and become anchors. Files with RC2 or 3DES, as OpenSSL 1.1 and
** older Windows write them, are read in a library context of their own, so that
** the process's providers stay as they are. */
enum tls_pfx tls_load_pfx (SSL_CTX *ctx, X509_STORE *store, struct tls_text der,
                           struct tls_text passphrase);

#endif
