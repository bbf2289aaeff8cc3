/*
** pkcs12: PKCS#12 ("pfx") into an SSL_CTX. Plain C over OpenSSL, which cannot
** throw. Used by context_options.c.
*/
#ifndef tls_credentials_pkcs12_h
#define tls_credentials_pkcs12_h

#include "pem.h"

enum tls_pkcs12 {
  TLS_PKCS12_LOADED,
  TLS_PKCS12_FAILED,     /* OpenSSL's error queue says why */
  TLS_PKCS12_NO_KEY,     /* it has no key, or no certificate */
  TLS_PKCS12_UNSUPPORTED /* old algorithms, and there is no legacy provider */
};

/* Load the key, the certificate, and the other certificates of a PKCS#12
** file; those are sent as the chain, and trusted. Files with RC2 or 3DES, as
** OpenSSL 1.1 and older Windows write them, need OpenSSL's legacy provider.
** They are read in a library context of their own, so that the process's
** providers stay as they are. */
enum tls_pkcs12 tls_pkcs12_load (SSL_CTX *ctx, X509_STORE *store,
                                 struct tls_text der,
                                 struct tls_text passphrase);

#endif
