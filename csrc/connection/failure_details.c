/*
** failure_details: see failure_details.h. The functions set fields of the table
** on top of the stack. [-0, +0]
*/
#include "failure_details.h"

#include "connection.h"
#include "engine/raw_keys.h"
#include "lua/table_fields.h"

/* A ClientHello may have thousands of names; no message shows more. */
#define MOST_NAMES 32

/* 'received': the first bytes, "" if there were none. */
static void set_received (lua_State *L, const struct tls_engine *e) {
  size_t n;
  const char *bytes = tls_engine_first_bytes(e, &n);
  lua_pushlstring(L, bytes, n);
  lua_setfield(L, -2, "received");
}

/* 'protocols': a sequence of those of a client that no server's protocol has
** matched; nil otherwise. The list is OpenSSL's, which has checked it. It is
** asked for again behind each string, as below: a finalizer may go on with the
** connection. */
static void set_protocols (lua_State *L, const struct tls_engine *e) {
  size_t size, at = 0;
  int i = 0;
  const unsigned char *list = tls_engine_refused_alpn(e, &size);
  if (list == NULL)
    return;
  lua_newtable(L);
  while (i < MOST_NAMES && (list = tls_engine_refused_alpn(e, &size)) != NULL &&
         at < size && list[at] < size - at) {
    size_t n = list[at];
    lua_pushlstring(L, (const char *)list + at + 1, n);
    lua_rawseti(L, -2, ++i);
    at += 1 + n;
  }
  lua_setfield(L, -2, "protocols");
}

/* The name of a cipher that a client has offered, or NULL behind the last. */
static const char *offered_cipher (const struct tls_engine *e, int i) {
  STACK_OF(SSL_CIPHER) *list = SSL_get_client_ciphers(tls_engine_ssl(e));
  if (list == NULL || i >= sk_SSL_CIPHER_num(list))
    return NULL;
  return SSL_CIPHER_get_name(sk_SSL_CIPHER_value(list, i));
}

/* 'ciphers': a sequence of these names; nil on a client, and before its
** ClientHello. */
static void set_ciphers (lua_State *L, const struct tls_engine *e) {
  const char *name;
  int i;
  if (offered_cipher(e, 0) == NULL)
    return;
  lua_newtable(L);
  for (i = 0; i < MOST_NAMES && (name = offered_cipher(e, i)) != NULL; i++) {
    lua_pushstring(L, name);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "ciphers");
}

/* 'minVersion', 'maxVersion': 0x0303 for TLSv1.2, 0 for no bound; 'version':
** that of this connection, as far as it is agreed on. */
static void set_versions (lua_State *L, const struct tls_engine *e) {
  int min, max;
  tls_engine_version_range(e, &min, &max);
  tls_set_integer(L, "version", SSL_version(tls_engine_ssl(e)));
  tls_set_integer(L, "minVersion", min);
  tls_set_integer(L, "maxVersion", max);
}

/* 'clientHelloPending': the owner has not answered the ClientHello; 'finished':
** the first handshake has, and only its verdict is missing. */
static void set_progress (lua_State *L, const struct tls_engine *e) {
  lua_pushboolean(L, tls_engine_client_hello_pending(e));
  lua_setfield(L, -2, "clientHelloPending");
  lua_pushboolean(L, tls_engine_secure(e));
  lua_setfield(L, -2, "finished");
}

/* 'rawKeyShown': this end's public key has stood in place of a certificate. */
static void set_raw_key (lua_State *L, const struct tls_engine *e) {
  lua_pushboolean(L, tls_raw_keys_shown(tls_engine_ssl(e)));
  lua_setfield(L, -2, "rawKeyShown");
}

int tls_connection_failure_details (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c == NULL)
    return 0;
  lua_createtable(L, 0, 9);
  set_received(L, c->engine);
  set_versions(L, c->engine);
  set_progress(L, c->engine);
  set_protocols(L, c->engine);
  set_ciphers(L, c->engine);
  set_raw_key(L, c->engine);
  return 1;
}
