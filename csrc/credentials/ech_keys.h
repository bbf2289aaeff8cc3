/*
** ech_keys: a server's keys of Encrypted Client Hello (RFC 9849), in the PEM of
** RFC 9934 that `openssl ech` writes.
*/
#ifndef tls_credentials_ech_keys_h
#define tls_credentials_ech_keys_h

#include <stdbool.h>

#include <openssl/ssl.h>

#include "text.h"

enum tls_ech_keys {
  TLS_ECH_KEYS_ADDED,
  TLS_ECH_KEYS_FAILED,    /* OpenSSL's queue says why */
  TLS_ECH_KEYS_NO_CONFIG, /* there is no ECHConfig of the private key */
  TLS_ECH_KEYS_UNKNOWN    /* OpenSSL has no ECH */
};

/* Add a private key with its ECHConfigs; 'retry': clients whose ECH fails are
** told of them. */
enum tls_ech_keys tls_ech_keys_add (SSL_CTX *ctx, struct tls_text pem,
                                    bool retry);

#endif
