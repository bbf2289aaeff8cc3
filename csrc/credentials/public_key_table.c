/*
** public_key_table: the public key of a certificate, see public_key_table.h.
*/
#include "public_key_table.h"

#include <stdbool.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#include "lua/lua_error.h"
#include "lua/owned_pointer.h"
#include "lua/table_fields.h"

void tls_push_hex (lua_State *L, const unsigned char *bytes, size_t size,
                   char separator) {
  static const char digits[] = "0123456789ABCDEF";
  luaL_Buffer b;
  size_t i;
  luaL_buffinit(L, &b);
  for (i = 0; i < size; i++) {
    if (i > 0 && separator != 0)
      luaL_addchar(&b, separator);
    luaL_addchar(&b, digits[bytes[i] >> 4]);
    luaL_addchar(&b, digits[bytes[i] & 15]);
  }
  luaL_pushresult(&b);
}

/* Hex, without leading zeros; "0" for zero. [-0, +1] */
static void push_number (lua_State *L, const BIGNUM *n, bool upper) {
  const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  size_t size = (size_t)BN_num_bytes(n);
  unsigned char *bytes = tls_push_buffer(L, size + 1);
  luaL_Buffer b;
  size_t i;
  bytes[0] = 0;
  size = (size_t)BN_bn2bin(n, bytes);
  luaL_buffinit(L, &b);
  for (i = 0; i < size; i++) {
    if (i > 0 || bytes[i] > 15)
      luaL_addchar(&b, digits[bytes[i] >> 4]);
    luaL_addchar(&b, digits[bytes[i] & 15]);
  }
  if (size == 0)
    luaL_addchar(&b, '0');
  luaL_pushresult(&b);
  lua_remove(L, -2);
}

/* Let 'owned' own the number 'name' of the key; false when it has none. */
static bool fetch (struct tls_owned *owned, const EVP_PKEY *key,
                   const char *name) {
  BIGNUM *n = NULL;
  tls_owned_free(owned);
  if (EVP_PKEY_get_bn_param(key, name, &n) != 1)
    return false;
  owned->p = n;
  return true;
}

static void set_rsa (lua_State *L, const EVP_PKEY *key, int t) {
  struct tls_owned *owned = tls_owned_push(L, tls_free_number);
  if (fetch(owned, key, OSSL_PKEY_PARAM_RSA_N)) {
    push_number(L, owned->p, true);
    lua_setfield(L, t, "modulus");
  }
  if (fetch(owned, key, OSSL_PKEY_PARAM_RSA_E)) {
    lua_pushliteral(L, "0x");
    push_number(L, owned->p, false);
    lua_concat(L, 2);
    lua_setfield(L, t, "exponent");
  }
  tls_owned_free(owned);
  lua_pop(L, 1);
}

/* A curve that is given by its parameters has no name: it gets no fields. */
static void set_curve (lua_State *L, const EVP_PKEY *key) {
  char group[80] = "";
  int nid;
  if (EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1)
    return;
  nid = OBJ_txt2nid(group);
  if (nid == NID_undef)
    return;
  tls_set_string(L, "asn1Curve", OBJ_nid2sn(nid));
  tls_set_string(L, "nistCurve", EC_curve_nid2nist(nid));
}

static void set_point (lua_State *L, const X509 *cert, int t) {
  const ASN1_BIT_STRING *point = X509_get0_pubkey_bitstr(cert);
  if (point == NULL)
    return;
  lua_pushlstring(L, (const char *)ASN1_STRING_get0_data(point),
                  (size_t)ASN1_STRING_length(point));
  lua_setfield(L, t, "pubkey");
}

static void set_spki (lua_State *L, const X509 *cert, int t) {
  const X509_PUBKEY *spki = X509_get_X509_PUBKEY(cert);
  int size = i2d_X509_PUBKEY(spki, NULL);
  unsigned char *bytes, *end;
  if (size <= 0)
    return;
  bytes = end = tls_push_buffer(L, (size_t)size);
  if (i2d_X509_PUBKEY(spki, &end) == size) {
    lua_pushlstring(L, (const char *)bytes, (size_t)size);
    lua_setfield(L, t, "pubkey");
  }
  lua_pop(L, 1);
}

void tls_public_key_set_fields (lua_State *L, X509 *cert) {
  int t = lua_gettop(L);
  const EVP_PKEY *key = X509_get0_pubkey(cert);
  bool ec = key != NULL && EVP_PKEY_is_a(key, "EC");
  if (ec)
    set_point(L, cert, t);
  else
    set_spki(L, cert, t);
  if (ec)
    set_curve(L, key);
  else if (key != NULL &&
           (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")))
    set_rsa(L, key, t);
  if (key != NULL)
    tls_set_integer(L, "bits", EVP_PKEY_get_bits(key));
  tls_accept_failure(L); /* an unknown type of key is not an error */
}
