/*
** available_algorithms: what OpenSSL offers to choose from, see
** available_algorithms.h.
*/
#include "available_algorithms.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>

#include "engine/ossl_compat.h"
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

/* Groups that are no built-in curves; releases differ in which they have. */
static const char *const other_groups[] = {
    "X25519",
    "X448",
    "ffdhe2048",
    "ffdhe3072",
    "ffdhe4096",
    "ffdhe6144",
    "ffdhe8192",
    "MLKEM512",
    "MLKEM768",
    "MLKEM1024",
    "X25519MLKEM768",
    "SecP256r1MLKEM768",
    "SecP384r1MLKEM1024",
};

/* Append 'name' to the list on top if it is a group of TLS, as which most
** built-in curves are unknown. [-0, +0] */
static void add_group (lua_State *L, SSL_CTX *ctx, const char *name) {
  if (!SSL_CTX_set1_groups_list(ctx, name))
    return;
  lua_pushstring(L, name);
  lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
}

int tls_available_algorithms_groups (lua_State *L) {
  SSL_CTX *ctx = tls_secure_context_check(L, 1);
  size_t i, n = EC_get_builtin_curves(NULL, 0);
  EC_builtin_curve *curves =
      lua_newuserdatauv(L, (n > 0 ? n : 1) * sizeof *curves, 0);
  EC_get_builtin_curves(curves, n);
  lua_newtable(L);
  for (i = 0; i < n; i++)
    add_group(L, ctx, OBJ_nid2sn(curves[i].nid));
  for (i = 0; i < sizeof other_groups / sizeof *other_groups; i++)
    add_group(L, ctx, other_groups[i]);
  ERR_clear_error();
  return 1;
}

int tls_available_algorithms_dhparam_bits (lua_State *L) {
  lua_pushinteger(L, tls_pem_dhparam_bits(tls_text_check(L, 1)));
  ERR_clear_error();
  return 1;
}

int tls_available_algorithms_fips (lua_State *L) {
  lua_pushboolean(L, EVP_default_properties_is_fips_enabled(NULL));
  return 1;
}

void tls_available_algorithms_push_left_out (lua_State *L) {
  static const struct {
    const char *name;
    bool there;
  } parts[] = {
      {"ssl-trace", TLS_HAS_TRACE},
      {"psk", TLS_HAS_PSK},
      {"nextprotoneg", TLS_HAS_NPN},
      {"ocsp", TLS_HAS_OCSP},
      {"dh", TLS_HAS_DH},
      {"tls1", TLS_HAS_TLS1},
      {"tls1_1", TLS_HAS_TLS1_1},
      {"tls1_2", TLS_HAS_TLS1_2},
      {"tls1_3", TLS_HAS_TLS1_3},
      {"autoload-config", TLS_READS_CONFIGURATION},
  };
  size_t i;
  lua_newtable(L);
  for (i = 0; i < sizeof parts / sizeof *parts; i++) {
    lua_pushboolean(L, !parts[i].there);
    lua_setfield(L, -2, parts[i].name);
  }
}
