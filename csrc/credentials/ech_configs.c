/*
** ech_configs: an ECHConfigList, see ech_configs.h and OSSL_ECHSTORE_new(3).
*/
#include "ech_configs.h"

#include <openssl/err.h>

#include "engine/ossl_compat.h"
#include "lua/lua_error.h"
#include "lua/owned_pointer.h"
#include "text.h"

#if TLS_CAN_ECH

static bool read_list (OSSL_ECHSTORE *store, struct tls_text list) {
  BIO *bio = tls_text_open(list);
  bool ok = bio != NULL && OSSL_ECHSTORE_read_echconfiglist(store, bio) == 1;
  BIO_free(bio);
  return ok;
}

/* NULL when there is not one entry. The caller frees it. */
static char *public_name (OSSL_ECHSTORE *store) {
  char *name = NULL, *shown = NULL;
  time_t age;
  int has_key, for_retry, count = 0;
  if (OSSL_ECHSTORE_num_entries(store, &count) != 1 || count != 1)
    return NULL;
  OSSL_ECHSTORE_get1_info(store, 0, &age, &name, &shown, &has_key, &for_retry);
  OPENSSL_free(shown);
  return name;
}

int tls_ech_configs_public_name (lua_State *L) {
  struct tls_text list = tls_text_check(L, 1);
  struct tls_owned *owned = tls_owned_push(L, tls_free_memory);
  ERR_clear_error();
  OSSL_ECHSTORE *store = OSSL_ECHSTORE_new(NULL, NULL);
  if (store != NULL && read_list(store, list))
    owned->p = public_name(store);
  OSSL_ECHSTORE_free(store); /* NULL is allowed */
  if (owned->p == NULL)
    return tls_return_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                              "OpenSSL refused the ECHConfig");
  lua_pushstring(L, owned->p);
  tls_owned_free(owned);
  return 1;
}

#else

int tls_ech_configs_public_name (lua_State *L) {
  lua_pushnil(L);
  return 1;
}

#endif
