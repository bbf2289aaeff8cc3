/*
** key_exchange: what is known of a handshake's key exchange, see
** key_exchange.h.
*/
#include "key_exchange.h"

#include <openssl/evp.h>
#include <openssl/objects.h>

#include "connection.h"
#include "lua/owned_pointer.h"
#include "lua/table_fields.h"

/* [-0, +1] */
static void push_key_info (lua_State *L, const EVP_PKEY *key) {
  char group[80];
  bool dh = EVP_PKEY_get_base_id(key) == EVP_PKEY_DH;
  lua_createtable(L, 0, 3);
  tls_set_string(L, "type", dh ? "DH" : "ECDH");
  if (!dh && EVP_PKEY_get_group_name(key, group, sizeof group, NULL))
    tls_set_string(L, "name", group);
  else if (!dh)
    tls_set_string(L, "name", OBJ_nid2sn(EVP_PKEY_get_id(key)));
  tls_set_integer(L, "size", EVP_PKEY_get_bits(key));
}

/* A key that is encapsulated is neither EC nor DH, or is nobody's to have: the
** group is all there is to say. {} without one. [-0, +1] */
static void push_group_info (lua_State *L, const char *group) {
  lua_newtable(L);
  if (group == NULL)
    return;
  tls_set_string(L, "type", "TLSGroup");
  tls_set_string(L, "name", group);
}

static bool has_known_key (const EVP_PKEY *key) {
  switch (key == NULL ? EVP_PKEY_NONE : EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_DH:
    case EVP_PKEY_EC:
    case EVP_PKEY_X25519:
    case EVP_PKEY_X448: return true;
    default: return false;
  }
}

int tls_key_exchange_info (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c == NULL || !tls_engine_negotiated(c->engine) ||
      SSL_is_server(tls_engine_ssl(c->engine)))
    return 0;
  struct tls_owned *owned = tls_owned_push(L, tls_free_key);
  EVP_PKEY *key = tls_engine_peer_ephemeral_key(c->engine);
  owned->p = key;
  if (has_known_key(key))
    push_key_info(L, key);
  else
    push_group_info(L, tls_engine_keyless_group(c->engine));
  tls_owned_free(owned);
  return 1;
}

int tls_key_exchange_group (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  const char *name = c == NULL ? NULL : tls_engine_group(c->engine);
  if (name == NULL)
    return 0;
  lua_pushstring(L, name);
  return 1;
}

int tls_key_exchange_dh_size (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  int bits = 0;
  if (c == NULL || SSL_is_server(tls_engine_ssl(c->engine)))
    return 0;
  EVP_PKEY *key = tls_engine_peer_ephemeral_key(c->engine);
  if (key == NULL)
    return 0;
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_DH)
    bits = EVP_PKEY_get_bits(key);
  EVP_PKEY_free(key);
  if (bits == 0)
    return 0;
  lua_pushinteger(L, bits);
  return 1;
}

int tls_key_exchange_rtt (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  uint64_t microseconds;
  if (c == NULL || !tls_engine_handshake_rtt(c->engine, &microseconds))
    return 0;
  lua_pushnumber(L, (lua_Number)microseconds / 1000);
  return 1;
}
