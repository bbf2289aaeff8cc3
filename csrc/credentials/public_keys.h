/*
** public_keys: public keys that stand for themselves, without a certificate.
*/
#ifndef tls_credentials_public_keys_h
#define tls_credentials_public_keys_h

#include <stdbool.h>

#include <openssl/ssl.h>

#include "lua/compat.h"
#include "text.h"

/* Trust the keys in 'text' as the peer's raw keys: PEM with one or more, or
** one in DER (SubjectPublicKeyInfo). False when there is none, or a block is
** damaged. */
bool tls_public_keys_trust (SSL_CTX *ctx, struct tls_text text);

/* Push a key in PEM. [-0, +1] */
void tls_public_key_push_pem (lua_State *L, const EVP_PKEY *key);

#endif
