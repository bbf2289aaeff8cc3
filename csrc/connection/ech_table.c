/*
** ech_table: what became of Encrypted Client Hello, see ech_table.h.
*/
#include "ech_table.h"

#include <openssl/evp.h>

#include "connection.h"
#include "lua/owned_pointer.h"
#include "lua/table_fields.h"

static const char *name_of (enum tls_ech_status status) {
  switch (status) {
    case TLS_ECH_GREASE: return "grease";
    case TLS_ECH_ACCEPTED: return "accepted";
    case TLS_ECH_REJECTED: return "rejected";
    case TLS_ECH_BACKEND: return "backend";
    default: return "none";
  }
}

static void release (void *ech) {
  tls_ech_clear(ech);
  OPENSSL_free(ech);
}

/* In base64, as a list stands in the DNS. [-0, +1] */
static void push_base64 (lua_State *L, const unsigned char *data, size_t n) {
  unsigned char *text = tls_push_buffer(L, n / 3 * 4 + 5);
  int size = EVP_EncodeBlock(text, data, (int)n);
  lua_pushlstring(L, (const char *)text, (size_t)size);
  lua_remove(L, -2);
}

/* Set the fields of the table on top. [-0, +0] */
static void set_fields (lua_State *L, const struct tls_ech *ech) {
  tls_set_string(L, "status", name_of(ech->status));
  tls_set_string(L, "innerServername", ech->inner_name);
  tls_set_string(L, "outerServername", ech->outer_name);
  if (ech->retry == NULL)
    return;
  push_base64(L, ech->retry, ech->retry_size);
  lua_setfield(L, -2, "retryConfigs");
}

int tls_ech_table (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c == NULL)
    return 0;
  struct tls_owned *owned = tls_owned_push(L, release);
  struct tls_ech *ech = owned->p = OPENSSL_zalloc(sizeof *ech);
  if (ech == NULL)
    return 0;
  tls_engine_ech(c->engine, ech);
  lua_createtable(L, 0, 4);
  set_fields(L, ech);
  tls_owned_free(owned);
  return 1;
}
