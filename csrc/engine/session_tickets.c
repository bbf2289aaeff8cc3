/*
** tickets: the keys of session tickets, see tickets.h and
** SSL_CTX_set_tlsext_ticket_key_evp_cb(3).
*/
#include "session_tickets.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "engine_state.h"

enum { NAME = 0, HMAC_KEY = 16, AES_KEY = 32, PART = 16 };

struct keys {
  size_t count;
  unsigned char bytes[]; /* count * TLS_TICKET_KEY_SIZE */
};

static int slot = -1; /* of SSL_CTX's ex_data */
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static size_t size_of (size_t count) {
  return sizeof(struct keys) + count * TLS_TICKET_KEY_SIZE;
}

static void free_keys (struct keys *keys) {
  if (keys != NULL)
    OPENSSL_clear_free(keys, size_of(keys->count));
}

static struct keys *keys_of (const SSL_CTX *ctx) {
  return slot < 0 ? NULL : SSL_CTX_get_ex_data(ctx, slot);
}

/* CRYPTO_EX_free */
static void on_free (void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx,
                     long argl, void *argp) {
  (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
  free_keys(ptr);
}

static void make_slot (void) {
  slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_free);
}

bool tls_ticket_keys_set (SSL_CTX *ctx, const unsigned char *keys,
                          size_t count) {
  struct keys *fresh = OPENSSL_zalloc(size_of(count));
  if (fresh == NULL)
    return false;
  fresh->count = count;
  memcpy(fresh->bytes, keys, count * TLS_TICKET_KEY_SIZE);
  struct keys *old = keys_of(ctx);
  if (!SSL_CTX_set_ex_data(ctx, slot, fresh)) {
    free_keys(fresh);
    return false;
  }
  free_keys(old);
  return true;
}

const unsigned char *tls_ticket_keys_get (const SSL_CTX *ctx, size_t *count) {
  const struct keys *keys = keys_of(ctx);
  *count = keys == NULL ? 0 : keys->count;
  return *count == 0 ? NULL : keys->bytes;
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

static int seal (const struct keys *keys, unsigned char *name,
                 unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac) {
  const unsigned char *key = keys->bytes;
  memcpy(name, key + NAME, PART);
  if (RAND_bytes(iv, PART) != 1 ||
      !EVP_EncryptInit_ex(cipher, EVP_aes_128_cbc(), NULL, key + AES_KEY, iv))
    return -1;
  return set_mac(mac, key) ? 1 : -1;
}

/* keys->count when there is none of that name. */
static size_t find_key (const struct keys *keys, const unsigned char *name) {
  size_t i = 0;
  while (i < keys->count &&
         CRYPTO_memcmp(keys->bytes + i * TLS_TICKET_KEY_SIZE + NAME, name,
                       PART) != 0)
    i++;
  return i;
}

bool tls_ticket_keys_match (const SSL_CTX *ctx, const unsigned char *bytes,
                            size_t n) {
  const struct keys *keys = keys_of(ctx);
  return keys != NULL && n > PART && find_key(keys, bytes) < keys->count;
}

/* 0: the ticket is none of ours, a full handshake follows; 1: good; 2: good,
** and to be renewed: its key is an old one, or it is of TLS 1.3, whose clients
** should show a ticket only once (RFC 8446, C.4). */
static int open_sealed (const struct keys *keys, const unsigned char *name,
                        const unsigned char *iv, EVP_CIPHER_CTX *cipher,
                        EVP_MAC_CTX *mac, bool once_only) {
  size_t i = find_key(keys, name);
  if (i == keys->count)
    return 0;
  const unsigned char *key = keys->bytes + i * TLS_TICKET_KEY_SIZE;
  if (!EVP_DecryptInit_ex(cipher, EVP_aes_128_cbc(), NULL, key + AES_KEY, iv) ||
      !set_mac(mac, key))
    return -1;
  return i == 0 && !once_only ? 1 : 2;
}

/* The keys are those of the context that the server was made with, whatever
** the name that the client asked for has switched to since. */
static int on_ticket (SSL *ssl, unsigned char *name, unsigned char *iv,
                      EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing) {
  struct tls_engine *e = tls_engine_of(ssl);
  const struct keys *keys = e == NULL ? NULL : keys_of(e->ctx);
  if (keys == NULL || keys->count == 0)
    return sealing ? -1 : 0;
  if (sealing)
    return seal(keys, name, iv, cipher, mac);
  return open_sealed(keys, name, iv, cipher, mac,
                     SSL_version(ssl) >= TLS1_3_VERSION);
}

bool tls_ticket_keys_install (SSL_CTX *ctx) {
  unsigned char key[TLS_TICKET_KEY_SIZE];
  if (!CRYPTO_THREAD_run_once(&once, make_slot) || slot < 0 ||
      RAND_bytes(key, sizeof key) != 1)
    return false;
  bool ok = tls_ticket_keys_set(ctx, key, 1) &&
            SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
  OPENSSL_cleanse(key, sizeof key);
  return ok;
}
