/*
** raw_keys: raw public keys instead of certificates, see raw_keys.h and
** SSL_set1_server_cert_type(3).
*/
#include "raw_keys.h"

#include <stdlib.h>

#include <openssl/x509_vfy.h>

#include "ossl_compat.h"
#include "session_context.h"

struct tls_raw_keys *tls_raw_keys_make (SSL_CTX *ctx) {
  struct tls_context_data *context = tls_ex_data_make_context(ctx);
  if (context == NULL)
    return NULL;
  if (context->raw_keys == NULL)
    context->raw_keys = calloc(1, sizeof *context->raw_keys);
  return context->raw_keys;
}

static bool append (struct tls_raw_keys *keys, EVP_PKEY *key) {
  EVP_PKEY **more =
      realloc(keys->trusted, (keys->count + 1) * sizeof keys->trusted[0]);
  if (more == NULL)
    return false;
  keys->trusted = more;
  if (!EVP_PKEY_up_ref(key))
    return false;
  keys->trusted[keys->count++] = key;
  return true;
}

bool tls_raw_keys_trust (SSL_CTX *ctx, EVP_PKEY *key) {
  struct tls_raw_keys *keys = tls_raw_keys_make(ctx);
  unsigned char *der = NULL;
  int size = i2d_PUBKEY(key, &der);
  bool ok = keys != NULL && size > 0 && append(keys, key) &&
            tls_session_context_add(ctx, der, (size_t)size);
  OPENSSL_free(der); /* NULL is allowed */
  return ok;
}

static const struct tls_raw_keys *keys_of (const SSL_CTX *ctx) {
  const struct tls_context_data *context = tls_ex_data_context(ctx);
  return context == NULL ? NULL : context->raw_keys;
}

/* The types, the preferred one first; none is a certificate alone. */
static size_t list_types (unsigned char *types, bool raw, bool certificate) {
  size_t n = 0;
  if (!raw)
    return 0;
  types[n++] = TLS_CERT_TYPE_RAW;
  if (certificate)
    types[n++] = TLS_CERT_TYPE_X509;
  return n;
}

bool tls_raw_keys_apply (SSL *ssl, const SSL_CTX *ctx) {
  static const struct tls_raw_keys none;
  const struct tls_raw_keys *keys = keys_of(ctx);
  unsigned char own[2], peers[2];
  bool server = SSL_is_server(ssl);
  if (keys == NULL)
    keys = &none;
  size_t own_count = list_types(own, keys->shown, keys->certificate_shown);
  size_t peers_count =
      list_types(peers, keys->accepted, !keys->certificate_refused);
  const unsigned char *of_server = server ? own : peers;
  const unsigned char *of_client = server ? peers : own;
  size_t server_count = server ? own_count : peers_count;
  size_t client_count = server ? peers_count : own_count;
  return tls_ossl_set_server_types(ssl, server_count == 0 ? NULL : of_server,
                                   server_count) &&
         tls_ossl_set_client_types(ssl, client_count == 0 ? NULL : of_client,
                                   client_count);
}

static bool is_trusted (const struct tls_raw_keys *keys, const EVP_PKEY *key) {
  size_t i;
  for (i = 0; keys != NULL && i < keys->count; i++)
    if (EVP_PKEY_eq(keys->trusted[i], key) == 1)
      return true;
  return false;
}

static bool refuses_certificates (const struct tls_raw_keys *keys) {
  return keys != NULL && keys->accepted && keys->certificate_refused;
}

void tls_raw_keys_judge (struct tls_peer *peer, const SSL *ssl) {
  const struct tls_raw_keys *keys = keys_of(SSL_get_SSL_CTX(ssl));
  if (peer->raw_key != NULL)
    peer->chain_result = is_trusted(keys, peer->raw_key)
                             ? X509_V_OK
                             : TLS_V_ERR_RAW_KEY_UNTRUSTED;
  else if (peer->leaf != NULL && refuses_certificates(keys))
    tls_peer_add_error(peer, X509_V_ERR_APPLICATION_VERIFICATION, 0, peer->leaf,
                       NULL);
}

bool tls_raw_keys_fit_session (const SSL *ssl, SSL_SESSION *session) {
  const struct tls_raw_keys *keys = keys_of(SSL_get_SSL_CTX(ssl));
  const EVP_PKEY *key = tls_ossl_session_raw_key(session);
  if (key != NULL)
    return is_trusted(keys, key);
  return SSL_SESSION_get0_peer(session) != NULL && !refuses_certificates(keys);
}
