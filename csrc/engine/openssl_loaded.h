/*
** openssl_loaded: whether the OpenSSL that runs is one that this was built for.
*/
#ifndef tls_engine_openssl_loaded_h
#define tls_engine_openssl_loaded_h

#include <stdbool.h>
#include <stddef.h>

/* What two releases have in common: OpenSSL keeps its ABI within a major
** version, and adds to it with each minor one (openssl-versions in its
*policies).
*/
struct tls_openssl_release {
  unsigned major;
  unsigned minor;
};

/* A program that was built for 'built' runs with 'loaded'. */
bool tls_openssl_release_fits (struct tls_openssl_release built,
                               struct tls_openssl_release loaded);

/* The OpenSSL whose functions this calls is one whole, of the major version
** that this was built for, and not older. Else 'why' says in one sentence what
** is wrong, and what helps. To be asked before anything else of OpenSSL's is
** called. */
bool tls_openssl_loaded_fits (char *why, size_t size);

#endif
