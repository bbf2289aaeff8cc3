/*
** certificate_fields: what a certificate says, see certificate_fields.h.
*/
#include "certificate_fields.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "engine/openssl_error.h"
#include "lua/lua_error.h"
#include "lua/owned_pointer.h"
#include "names_table.h"
#include "public_key_table.h"

/* Replace the BIO on top of the stack by what was written to it, or by nil
** when that has failed. [-1, +1] */
static void push_written (lua_State *L, struct tls_owned *owned, bool ok) {
  char *text = NULL;
  long size = ok ? BIO_get_mem_data((BIO *)owned->p, &text) : 0;
  if (ok)
    lua_pushlstring(L, size > 0 ? text : "", size > 0 ? (size_t)size : 0);
  else
    lua_pushnil(L);
  tls_owned_free(owned);
  lua_remove(L, -2);
  tls_accept_failure(L);
}

static struct tls_owned *push_memory (lua_State *L) { /* [-0, +1] */
  struct tls_owned *owned = tls_owned_push(L, tls_free_bio);
  owned->p = BIO_new(BIO_s_mem());
  if (owned->p == NULL)
    tls_throw_memory(L);
  return owned;
}

void tls_certificate_push_time (lua_State *L, const ASN1_TIME *time) {
  struct tls_owned *owned = push_memory(L);
  ASN1_TIME_print(owned->p, time); /* or that it is none */
  push_written(L, owned, true);
}

/* The integers of Lua 5.1 and LuaJIT have 32 bits on a machine of 32 bits. */
static void push_seconds (lua_State *L, int64_t seconds) { /* [-0, +1] */
  if ((lua_Integer)seconds == seconds)
    lua_pushinteger(L, (lua_Integer)seconds);
  else
    lua_pushnumber(L, (lua_Number)seconds);
}

/* Not by timegm(3): a time_t of 32 bits ends in 2038. */
void tls_certificate_push_seconds (lua_State *L, const ASN1_TIME *time) {
  static const struct tm epoch = {.tm_year = 70, .tm_mday = 1};
  struct tm parts;
  int days, seconds;
  if (ASN1_TIME_to_tm(time, &parts) == 1 &&
      OPENSSL_gmtime_diff(&days, &seconds, &epoch, &parts) == 1) {
    push_seconds(L, (int64_t)days * 86400 + seconds);
    return;
  }
  lua_pushnil(L);
  tls_accept_failure(L);
}

void tls_certificate_push_fingerprint (lua_State *L, const X509 *cert,
                                       const EVP_MD *algorithm) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(cert, algorithm, digest, &size) == 1) {
    tls_push_hex(L, digest, size, ':');
    return;
  }
  /* SHA-1 may be forbidden here; OpenSSL has many words for want of memory */
  if (tls_error_drop_queue() || !EVP_MD_is_a(algorithm, "SHA1"))
    tls_throw_memory(L);
  lua_pushnil(L);
}

static void push_signed_hex (lua_State *L, const BIGNUM *n) { /* [-0, +1] */
  size_t size = (size_t)BN_num_bytes(n);
  unsigned char *bytes = tls_push_buffer(L, size);
  lua_pushstring(L, BN_is_negative(n) ? "-" : "");
  size = (size_t)BN_bn2bin(n, bytes);
  if (size == 0)
    lua_pushliteral(L, "0");
  else
    tls_push_hex(L, bytes, size, 0);
  lua_concat(L, 2);
  lua_remove(L, -2);
}

void tls_certificate_push_serial (lua_State *L, const X509 *cert) {
  struct tls_owned *owned = tls_owned_push(L, tls_free_number);
  owned->p = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
  if (owned->p != NULL)
    push_signed_hex(L, owned->p);
  else
    lua_pushnil(L);
  tls_owned_free(owned);
  lua_remove(L, -2);
  tls_accept_failure(L);
}

void tls_certificate_push_usage (lua_State *L, const X509 *cert) {
  struct tls_owned *owned = tls_owned_push(L, tls_free_key_usage);
  const EXTENDED_KEY_USAGE *usage;
  int i;
  usage = owned->p = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
  if (usage != NULL)
    lua_newtable(L);
  else
    lua_pushnil(L);
  for (i = 0; usage != NULL && i < sk_ASN1_OBJECT_num(usage); i++) {
    tls_names_push_oid(L, sk_ASN1_OBJECT_value(usage, i));
    lua_rawseti(L, -2, i + 1);
  }
  tls_owned_free(owned);
  lua_remove(L, -2);
  tls_accept_failure(L);
}

void tls_certificate_push_der (lua_State *L, X509 *cert) {
  int size = i2d_X509(cert, NULL);
  unsigned char *bytes, *end;
  if (size <= 0) {
    lua_pushnil(L);
    return;
  }
  bytes = end = tls_push_buffer(L, (size_t)size);
  i2d_X509(cert, &end);
  lua_pushlstring(L, (const char *)bytes, (size_t)size);
  lua_remove(L, -2);
}

void tls_certificate_push_pem (lua_State *L, X509 *cert) {
  struct tls_owned *owned = push_memory(L);
  push_written(L, owned, PEM_write_bio_X509(owned->p, cert) == 1);
}

/* As it stands in the certificate: a kind of key that OpenSSL does not know
** has a PEM, too. */
void tls_certificate_push_spki_pem (lua_State *L, const unsigned char *bytes,
                                    int size) {
  struct tls_owned *owned = push_memory(L);
  bool ok = size > 0 &&
            PEM_write_bio(owned->p, PEM_STRING_PUBLIC, "", bytes, size) > 0;
  push_written(L, owned, ok);
}

void tls_certificate_push_key_pem (lua_State *L, X509 *cert) {
  const X509_PUBKEY *spki = X509_get_X509_PUBKEY(cert);
  int size = i2d_X509_PUBKEY(spki, NULL);
  unsigned char *bytes, *end;
  bytes = end = tls_push_buffer(L, size > 0 ? (size_t)size : 0);
  if (size > 0 && i2d_X509_PUBKEY(spki, &end) != size)
    size = 0;
  tls_certificate_push_spki_pem(L, bytes, size);
  lua_remove(L, -2);
}
