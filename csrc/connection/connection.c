/*
** connection: the userdata of a connection, see connection.h.
*/
#include "connection.h"

#include <string.h>

#include "away.h"
#include "lua/lua_error.h"
#include "transport_failure.h"
#include "write.h"

struct tls_connection *tls_connection_push_new (lua_State *L,
                                                struct tls_lua_state *state) {
  struct tls_connection *c = lua_newuserdatauv(L, sizeof *c, 2);
  int self = lua_gettop(L);
  memset(c, 0, sizeof *c);
  c->lua = state;
  c->self_ref = c->pending_ref = LUA_NOREF;
  luaL_setmetatable(L, TLS_CONNECTION_T);
  tls_new_user_values(L, self);
  return c;
}

/* Every method has the metatable as its upvalue, because finding it by its
** name costs more than most methods do. */
struct tls_connection *tls_connection_check (lua_State *L) {
  struct tls_connection *c = lua_touserdata(L, 1);
  if (c == NULL || !lua_getmetatable(L, 1) ||
      !lua_rawequal(L, -1, lua_upvalueindex(1)))
    return luaL_checkudata(L, 1, TLS_CONNECTION_T); /* throws */
  lua_pop(L, 1);
  return c;
}

struct tls_connection *tls_connection_check_open (lua_State *L) {
  struct tls_connection *c = tls_connection_check(L);
  if (tls_connection_is_closed(c) || c->engine == NULL)
    return NULL;
  tls_away_call_back(c);
  return c;
}

int tls_connection_push_needs_drive (lua_State *L, struct tls_connection *c) {
  bool needed = false;
  if (c->driving)
    c->drive_again = true;
  else if (!c->drive_asked)
    needed = c->drive_asked = true;
  lua_pushboolean(L, needed);
  return 1;
}

/* The handle inside luv's userdata at 'idx'; NULL for anything else. */
static struct tls_uv_handle *to_handle (lua_State *L, int idx) {
  struct tls_uv_handle **userdata = luaL_testudata(L, idx, "uv_tcp");
  if (userdata == NULL)
    userdata = luaL_testudata(L, idx, "uv_pipe");
  return userdata == NULL ? NULL : *userdata;
}

int tls_connection_handle_in_use (lua_State *L) {
  struct tls_uv_handle *handle = to_handle(L, 1);
  struct tls_luv_handle *part =
      handle == NULL ? NULL : tls_connection_luv_part(handle);
  lua_pushboolean(L, part != NULL && part->extra != NULL);
  return 1;
}

static void require_handle (lua_State *L, bool ok, const char *code,
                            const char *message) {
  struct tls_error e;
  if (ok)
    return;
  tls_error_set(&e, code, message);
  tls_throw(L, &e);
}

/* The handle inside luv's userdata at index 3. */
static struct tls_uv_handle *check_handle (lua_State *L,
                                           struct tls_connection *c) {
  struct tls_uv_handle *handle = to_handle(L, 3);
  require_handle(L, handle != NULL, "ERR_INVALID_ARG_TYPE",
                 "The handle must be luv's uv_tcp or uv_pipe");
  require_handle(L, !c->lua->uv.uv_is_closing(handle), "ERR_INVALID_ARG_VALUE",
                 "The handle is closed");
  struct tls_luv_handle *part = tls_connection_luv_part(handle);
  if (part == NULL || part->ctx != c->lua->luv)
    luaL_error(L, "tls: this luv keeps its handles in an unknown layout");
  require_handle(L, part->extra == NULL, "ERR_TLS_TAKEN_OVER",
                 "The handle carries a TLS connection already");
  return handle;
}

/* Allocates nothing for which Lua would run a finalizer of the user's: that
** could close the connection. */
void tls_connection_attach (lua_State *L, struct tls_connection *c) {
  struct tls_uv_handle *handle = check_handle(L, c);
  lua_pushvalue(L, 2);
  tls_set_user_value(L, 1, TLS_VALUE_SOCKET);
  lua_pushvalue(L, 3);
  tls_set_user_value(L, 1, TLS_VALUE_HANDLE);
  lua_pushvalue(L, 1);
  c->self_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  c->handle = handle;
  tls_connection_luv_part(handle)->extra = c;
}

void tls_connection_detach (struct tls_connection *c) {
  if (c->handle == NULL)
    return;
  tls_connection_stop_reading(c);
  tls_connection_forget_write(c);
  tls_connection_luv_part(c->handle)->extra = NULL;
  c->handle = NULL;
}

/* luaL_unref() never throws. */
void tls_connection_release (struct tls_connection *c) {
  if (c->driving || c->queries > 0 || !tls_connection_is_closed(c) ||
      (c->engine != NULL && tls_engine_busy(c->engine)))
    return;
  tls_engine_free(c->engine);
  c->engine = NULL;
  tls_lua_state_wipe_plaintext(c->lua);
  luaL_unref(c->lua->main, LUA_REGISTRYINDEX, c->self_ref);
  c->self_ref = LUA_NOREF;
}

bool tls_connection_closed_meanwhile (struct tls_connection *c) {
  tls_connection_release(c);
  return tls_connection_is_closed(c);
}

/* The collector gets here only when the connection is attached to no handle,
** or in lua_close(). Then a write may be in flight, which ends without us,
** maybe after the Lua state: the libuv loop may be the host's. */
int tls_connection_gc (lua_State *L) {
  struct tls_connection *c = luaL_checkudata(L, 1, TLS_CONNECTION_T);
  tls_away_leave(c);
  tls_connection_detach(c);
  c->life = TLS_LIFE_CLOSED;
  tls_connection_drop_pending(c);
  if (c->engine != NULL && tls_engine_busy(c->engine))
    return 0; /* lua_close() in the callback for a key: OpenSSL still uses it */
  tls_engine_free(c->engine);
  c->engine = NULL;
  tls_lua_state_wipe_plaintext(c->lua);
  return 0;
}
