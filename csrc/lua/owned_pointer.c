/*
** owned_pointer: a userdata that owns one object of OpenSSL's, see
** owned_pointer.h.
*/
#include "owned_pointer.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "table_fields.h"

#define OWNED_T "tls.owned_pointer"

/* A function of another type may not be called through void (*)(void *). */
#define X(name, type, release)    \
  void tls_free_##name(void *p) { \
    type *object = p;             \
    release(object);              \
  }
TLS_OWNED_TYPES(X)
#undef X

void tls_owned_free (struct tls_owned *owned) {
  void *p = owned->p;
  owned->p = NULL;
  if (p != NULL)
    owned->release(p);
}

/* Reached through __gc only: no code outside C ever sees this userdata. */
static int collect (lua_State *L) {
  tls_owned_free(luaL_checkudata(L, 1, OWNED_T));
  return 0;
}

struct tls_owned *tls_owned_push (lua_State *L, void (*release)(void *)) {
  struct tls_owned *owned = lua_newuserdatauv(L, sizeof *owned, 0);
  owned->p = NULL;
  owned->release = release;
  if (luaL_newmetatable(L, OWNED_T)) {
    tls_set_function(L, "__gc", collect);
  }
  lua_setmetatable(L, -2);
  return owned;
}

unsigned char *tls_push_buffer (lua_State *L, size_t size) {
  return lua_newuserdatauv(L, size > 0 ? size : 1, 0);
}
