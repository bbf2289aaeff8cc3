/*
** openssl_loaded: see openssl_loaded.h.
*/
#include "openssl_loaded.h"

#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/opensslv.h>

#include "ossl_compat.h"

#define CORE "tls: the core, tls/core.so,"

bool tls_openssl_release_fits (struct tls_openssl_release built,
                               struct tls_openssl_release loaded) {
  return loaded.major == built.major && loaded.minor >= built.minor;
}

/* OpenSSL_version_num() is in BoringSSL and LibreSSL, too, and in OpenSSL 1.1;
** OPENSSL_version_major() only since 3.0. A program that has one of those
** linked in, and exports it, gives the core the one function from there and
** the other from libcrypto. */
static bool of_one_library (struct tls_openssl_release loaded) {
  unsigned long number = OpenSSL_version_num();
  return number >> 28 == loaded.major && (number >> 20 & 0xff) == loaded.minor;
}

bool tls_openssl_loaded_fits (char *why, size_t size) {
  const struct tls_openssl_release built = {OPENSSL_VERSION_MAJOR,
                                            OPENSSL_VERSION_MINOR};
  const struct tls_openssl_release loaded = {OPENSSL_version_major(),
                                             OPENSSL_version_minor()};
  const char *name = OpenSSL_version(OPENSSL_VERSION);
  if (!of_one_library(loaded)) {
    snprintf(why, size,
             CORE " would get some of its functions from OpenSSL %u.%u and some"
                  " from another library that this program has, %s: use a "
                  "program that does not export that library's symbols",
             loaded.major, loaded.minor, name);
    return false;
  }
  if (tls_openssl_release_fits(built, loaded))
    return true;
  snprintf(why, size,
           CORE
           " was built for OpenSSL %u.%u, and this program has %s%s: build "
           "it again for that one",
           built.major, built.minor,
           loaded.major == built.major ? "an older one, " : "", name);
  return false;
}
