/*
** owned_pointer: a userdata that owns one object of OpenSSL's while Lua may
** throw, so that an error between "made" and "freed" leaks nothing.
*/
#ifndef tls_lua_owned_pointer_h
#define tls_lua_owned_pointer_h

#include "compat.h"

struct tls_owned {
  void *p;                  /* owned; NULL while there is none */
  void (*release)(void *p); /* frees 'p'; never called with NULL */
};

/* Push one that owns nothing yet; store what it shall own in 'p' afterwards.
** 'release' is one of the functions below, or the caller's own. [-0, +1] */
struct tls_owned *tls_owned_push (lua_State *L, void (*release)(void *));

/* Free the object now. Another may be stored afterwards. */
void tls_owned_free (struct tls_owned *owned);

/* Push an uninitialized buffer of 'size' bytes, which Lua collects.
** [-0, +1] */
unsigned char *tls_push_buffer (lua_State *L, size_t size);

/* For each type: tls_free_bio(), tls_free_certificate(), ... */
/* clang-format off */
#define TLS_OWNED_TYPES(X)                                          \
  X(bio, BIO, BIO_free)                                             \
  X(certificate, X509, X509_free)                                   \
  X(crl, X509_CRL, X509_CRL_free)                                   \
  X(number, BIGNUM, BN_free)                                        \
  X(key, EVP_PKEY, EVP_PKEY_free)                                   \
  X(session, SSL_SESSION, SSL_SESSION_free)                         \
  X(store_ctx, X509_STORE_CTX, X509_STORE_CTX_free)                 \
  X(key_usage, EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)         \
  X(general_names, GENERAL_NAMES, GENERAL_NAMES_free)               \
  X(access, AUTHORITY_INFO_ACCESS, AUTHORITY_INFO_ACCESS_free)      \
  X(memory, void, OPENSSL_free)
/* clang-format on */

#define X(name, type, release) void tls_free_##name(void *p);
TLS_OWNED_TYPES(X)
#undef X

#endif
