/*
** contexts_by_name: see contexts_by_name.h.
*/
#include "contexts_by_name.h"

#include <openssl/err.h>

#include "engine/server_names.h"
#include "lua/lua_error.h"
#include "lua/lua_state.h"
#include "lua/table_fields.h"

#define CONTEXTS_BY_NAME_T "tls.contexts_by_name"

enum { VALUE_CONTEXTS = 1 }; /* a table: context by the number of its name */

struct contexts_by_name {
  struct tls_server_names *names; /* owned; NULL once finalized */
};

static int collect (lua_State *L) {
  struct contexts_by_name *c = luaL_checkudata(L, 1, CONTEXTS_BY_NAME_T);
  tls_server_names_free(c->names);
  c->names = NULL;
  return 0;
}

static struct tls_piece check_name (lua_State *L, int arg) {
  struct tls_piece name;
  name.data = (const unsigned char *)luaL_checklstring(L, arg, &name.size);
  return name;
}

static int out_of_memory (lua_State *L) {
  ERR_clear_error();
  return tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED", "out of memory");
}

/* The collector finalizes a server's contexts before an older object that still
** uses the server in its own finalizer. */
static int finalized (lua_State *L) {
  return tls_throw_openssl(L, "ERR_TLS_INVALID_STATE",
                           "the server has been collected");
}

/* A number always stands for the same name: where the name is added again, its
** new context replaces the old one. */
static int add (lua_State *L) {
  tls_lua_state_check_alive(L);
  struct contexts_by_name *c = luaL_checkudata(L, 1, CONTEXTS_BY_NAME_T);
  struct tls_piece name = check_name(L, 2);
  luaL_checkany(L, 3);
  lua_settop(L, 3);
  tls_push_user_value(L, 1, VALUE_CONTEXTS);
  if (c->names == NULL)
    return finalized(L);
  size_t number = tls_server_names_add(c->names, name);
  if (number == 0)
    return out_of_memory(L);
  lua_pushvalue(L, 3);
  lua_rawseti(L, 4, (int)number);
  return 0;
}

static int find (lua_State *L) {
  struct contexts_by_name *c = luaL_checkudata(L, 1, CONTEXTS_BY_NAME_T);
  struct tls_piece name = check_name(L, 2);
  size_t number = c->names == NULL ? 0 : tls_server_names_find(c->names, name);
  if (number == 0)
    return 0;
  tls_push_user_value(L, 1, VALUE_CONTEXTS);
  lua_rawgeti(L, -1, (int)number);
  return 1;
}

int tls_contexts_by_name_new (lua_State *L) {
  tls_lua_state_check_alive(L);
  lua_settop(L, 0);
  struct contexts_by_name *c = lua_newuserdatauv(L, sizeof *c, 1);
  c->names = NULL;
  luaL_setmetatable(L, CONTEXTS_BY_NAME_T);
  tls_new_user_values(L, 1);
  lua_newtable(L);
  tls_set_user_value(L, 1, VALUE_CONTEXTS);
  c->names = tls_server_names_new();
  return c->names == NULL ? out_of_memory(L) : 1;
}

static const luaL_Reg methods[] = {{"add", add}, {"find", find}, {NULL, NULL}};

void tls_contexts_by_name_open (lua_State *L) {
  tls_register_type(L, CONTEXTS_BY_NAME_T, collect);
  luaL_getmetatable(L, CONTEXTS_BY_NAME_T);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
