/*
** available_algorithms: what OpenSSL offers to choose from, see
** available_algorithms.h.
*/
#include "available_algorithms.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>

#include "secure_context.h"
#include "text.h"

int tls_available_algorithms_ciphers (lua_State *L) {
  int i;
  SSL_CTX *ctx = tls_secure_context_check(L, 1);
  STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx); /* borrowed */
  lua_newtable(L);
  for (i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
    lua_pushstring(L, SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

int tls_available_algorithms_curves (lua_State *L) {
  size_t i, n = EC_get_builtin_curves(NULL, 0);
  EC_builtin_curve *curves =
      lua_newuserdatauv(L, (n > 0 ? n : 1) * sizeof *curves, 0);
  EC_get_builtin_curves(curves, n);
  lua_newtable(L);
  for (i = 0; i < n; i++) {
    lua_pushstring(L, OBJ_nid2sn(curves[i].nid));
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}

int tls_available_algorithms_dhparam_bits (lua_State *L) {
  lua_pushinteger(L, tls_pem_dhparam_bits(tls_text_check(L, 1)));
  ERR_clear_error();
  return 1;
}
