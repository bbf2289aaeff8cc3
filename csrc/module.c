/*
** module: luaopen_tls_core. Opens the units and gives the lists and constants
** that belong to no connection.
*/
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "conn.h"
#include "context.h"
#include "env.h"
#include "push.h"
#include "x509.h"

#if OPENSSL_VERSION_MAJOR < 3
#error "tls needs OpenSSL 3.0 or later"
#endif

/* core.ciphers() -> names as OpenSSL lists them, TLS 1.3 first. */
static int list_ciphers (lua_State *L) {
  int i;
  SSL_CTX *ctx = tls_context_check(L, 1);
  STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx); /* borrowed */
  lua_newtable(L);
  for (i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
    lua_pushstring(L, SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static const luaL_Reg functions[] = {
    {"context", tls_context_new},         {"conn", tls_conn_new},
    {"handlers", tls_env_handlers},       {"ciphers", list_ciphers},
    {"parseCertificate", tls_x509_parse}, {NULL, NULL}};

/* Refuse a wrong neighbour now rather than crash later. luv is loaded first:
** finalizers run in reverse order of creation, and ours must run before its. */
static void require_luv (lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "luv");
  lua_call(L, 1, 1); /* loading, not an entry from libuv */
}

__attribute__((visibility("default"))) int luaopen_tls_core (lua_State *L);

int luaopen_tls_core (lua_State *L) {
  luaL_checkversion(L);
  if (OPENSSL_version_major() != OPENSSL_VERSION_MAJOR)
    return luaL_error(L, "tls was built for OpenSSL %d", OPENSSL_VERSION_MAJOR);
  lua_settop(L, 0);
  require_luv(L);
  tls_env_open(L);
  tls_context_open(L);
  tls_conn_open(L);
  luaL_newlib(L, functions);
  tls_push_open(L);
  lua_setfield(L, -2, "error_metatable");
  lua_pushstring(L, OpenSSL_version(OPENSSL_VERSION));
  lua_setfield(L, -2, "openssl");
  return 1;
}
