/*
** session_tickets: the keys of session tickets, see session_tickets.h and
** SSL_CTX_set_tlsext_ticket_key_evp_cb(3).
*/
#include "session_tickets.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "engine_state.h"
#include "ex_data.h"
#include "threads.h"

/* Where the parts of a key begin, and how long each is. */
enum { NAME = 0, HMAC_KEY = 16, AES_KEY = 32, PART = 16 };

static size_t key_count (const struct tls_blob *keys) {
  return keys->size / TLS_TICKET_KEY_SIZE;
}

static const unsigned char *key_at (const struct tls_blob *keys, size_t i) {
  return keys->data + i * TLS_TICKET_KEY_SIZE;
}

/* NULL when there are no keys. */
static const struct tls_blob *keys_of (const SSL_CTX *ctx) {
  const struct tls_context_data *data = tls_ex_data_context(ctx);
  return data == NULL || key_count(&data->ticket_keys) == 0
             ? NULL
             : &data->ticket_keys;
}

bool tls_ticket_keys_set (SSL_CTX *ctx, const unsigned char *keys,
                          size_t count) {
  struct tls_context_data *data = tls_ex_data_make_context(ctx);
  if (data == NULL)
    return false;
  tls_threads_stop();
  bool set =
      tls_blob_set(&data->ticket_keys, keys, count * TLS_TICKET_KEY_SIZE);
  tls_threads_go_on();
  return set;
}

const unsigned char *tls_ticket_keys_get (const SSL_CTX *ctx, size_t *count) {
  const struct tls_blob *keys = keys_of(ctx);
  *count = keys == NULL ? 0 : key_count(keys);
  return keys == NULL ? NULL : keys->data;
}

static bool set_mac (EVP_MAC_CTX *mac, const unsigned char *key) {
  OSSL_PARAM params[3];
  unsigned char copy[PART]; /* OSSL_PARAM wants it writable */
  memcpy(copy, key + HMAC_KEY, PART);
  params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, copy, PART);
  params[1] =
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0);
  params[2] = OSSL_PARAM_construct_end();
  bool ok = EVP_MAC_CTX_set_params(mac, params);
  OPENSSL_cleanse(copy, sizeof copy);
  return ok;
}

static int encrypt (const unsigned char *key, unsigned char *name,
                    unsigned char *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac) {
  memcpy(name, key + NAME, PART);
  if (RAND_bytes(iv, PART) != 1 ||
      !EVP_EncryptInit_ex(cipher, EVP_aes_128_cbc(), NULL, key + AES_KEY, iv))
    return -1;
  return set_mac(mac, key) ? 1 : -1;
}

/* The index of the key of that name; key_count() when there is none. */
static size_t find_key (const struct tls_blob *keys,
                        const unsigned char *name) {
  size_t i = 0, count = key_count(keys);
  while (i < count && CRYPTO_memcmp(key_at(keys, i) + NAME, name, PART) != 0)
    i++;
  return i;
}

bool tls_ticket_keys_match (const SSL_CTX *ctx, const unsigned char *bytes,
                            size_t n) {
  const struct tls_blob *keys = keys_of(ctx);
  return keys != NULL && n > PART && find_key(keys, bytes) < key_count(keys);
}

/* 0: the ticket is not ours, a full handshake follows; 1: good; 2: good,
** and to be renewed: its key is an old one, or it is of TLS 1.3, whose
** clients should show a ticket only once (RFC 8446, C.4). */
static int decrypt (const struct tls_blob *keys, const unsigned char *name,
                    const unsigned char *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, bool once_only) {
  size_t i = find_key(keys, name);
  if (i == key_count(keys))
    return 0;
  const unsigned char *key = key_at(keys, i);
  if (!EVP_DecryptInit_ex(cipher, EVP_aes_128_cbc(), NULL, key + AES_KEY, iv) ||
      !set_mac(mac, key))
    return -1;
  return i == 0 && !once_only ? 1 : 2;
}

/* The keys are those of the context that the engine was made with. The
** context that the server name chose brings its certificate, not its ticket
** keys. */
static int on_ticket_key (SSL *ssl, unsigned char *name, unsigned char *iv,
                          EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                          int encrypting) {
  struct tls_engine *e = tls_engine_of(ssl);
  const struct tls_blob *keys = e == NULL ? NULL : keys_of(e->ctx);
  if (keys == NULL)
    return encrypting ? -1 : 0;
  if (encrypting)
    return encrypt(key_at(keys, 0), name, iv, cipher, mac);
  return decrypt(keys, name, iv, cipher, mac,
                 SSL_version(ssl) >= TLS1_3_VERSION);
}

bool tls_ticket_keys_install (SSL_CTX *ctx) {
  unsigned char key[TLS_TICKET_KEY_SIZE];
  bool ok = RAND_bytes(key, sizeof key) == 1 &&
            tls_ticket_keys_set(ctx, key, 1) &&
            SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key);
  OPENSSL_cleanse(key, sizeof key);
  return ok;
}
