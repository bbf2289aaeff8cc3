/*
** connection: the userdata of a connection and its lifetime, see connection.h.
*/
#include "connection.h"

#include <string.h>

#include "transport.h"
#include "write.h"

/* Push a conn that is born closed: it has no engine. [-0, +1] */
struct conn *tls_conn_push_new (lua_State *L, struct tls_env *env) {
  struct conn *c = lua_newuserdatauv(L, sizeof *c, 2);
  memset(c, 0, sizeof *c);
  c->env = env;
  c->anchor = c->held_ref = LUA_NOREF;
  luaL_setmetatable(L, CONN_T);
  return c;
}

/* Every method has the metatable as its upvalue: to find it by its name costs
** more than most of them do. */
struct conn *tls_conn_check (lua_State *L) {
  struct conn *c = lua_touserdata(L, 1);
  if (c == NULL || !lua_getmetatable(L, 1) ||
      !lua_rawequal(L, -1, lua_upvalueindex(1)))
    return luaL_checkudata(L, 1, CONN_T); /* throws: it is none */
  lua_pop(L, 1);
  return c;
}

struct conn *tls_conn_check_open (lua_State *L) {
  struct conn *c = tls_conn_check(L);
  return c->closed || c->engine == NULL ? NULL : c;
}

int tls_conn_push_poke (lua_State *L, struct conn *c) {
  bool poke = false;
  if (c->driving)
    c->again = true;
  else if (!c->poked)
    poke = c->poked = true;
  lua_pushboolean(L, poke);
  return 1;
}

/* The stream inside luv's userdata at index 3. Throws when it is none. */
static struct tls_uv_handle *check_stream (lua_State *L, struct conn *c) {
  struct tls_uv_handle **box = luaL_testudata(L, 3, "uv_tcp");
  if (box == NULL)
    box = luaL_testudata(L, 3, "uv_pipe");
  luaL_argcheck(L, box != NULL && *box != NULL, 3,
                "uv_tcp or uv_pipe expected");
  luaL_argcheck(L, !c->env->uv.uv_is_closing(*box), 3, "handle is closing");
  struct tls_luv_handle *part = tls_conn_luv_part(*box);
  if (part == NULL || part->ctx != c->env->luv)
    luaL_error(L, "tls: this luv keeps its handles in an unknown layout");
  luaL_argcheck(L, part->extra == NULL, 3, "handle is in use");
  return *box;
}

/* Read from and write to luv's stream. While it is attached, the anchored conn
** keeps the socket alive, which otherwise only its own listeners may know. */
void tls_conn_attach (lua_State *L, struct conn *c) {
  struct tls_uv_handle *stream = check_stream(L, c);
  tls_pins(L, 1);
  lua_pushvalue(L, 2);
  tls_pin(L, 1, TLS_PIN_SOCKET);
  lua_pushvalue(L, 3);
  tls_pin(L, 1, TLS_PIN_HANDLE);
  lua_pushvalue(L, 1);
  c->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
  c->stream = stream;
  tls_conn_luv_part(stream)->extra = c;
}

void tls_conn_detach (struct conn *c) {
  if (c->stream == NULL)
    return;
  tls_conn_stop_reading(c);
  tls_conn_forget_write(c);
  tls_conn_luv_part(c->stream)->extra = NULL;
  c->stream = NULL;
}

/* Nothing of ours runs on OpenSSL's or libuv's stack any more. Does not throw:
** luaL_unref never does. */
void tls_conn_release (struct conn *c) {
  if (c->driving || !c->closed ||
      (c->engine != NULL && tls_engine_busy(c->engine)))
    return;
  tls_engine_free(c->engine);
  c->engine = NULL;
  luaL_unref(c->env->main, LUA_REGISTRYINDEX, c->anchor);
  c->anchor = LUA_NOREF;
}

bool tls_conn_gone (struct conn *c) {
  tls_conn_release(c);
  return c->closed;
}

/* The collector only gets here when the conn is attached to no handle, or in
** lua_close: then a write may be in flight. It ends without us, maybe later
** than the Lua state, on a loop that is the host's. */
int tls_conn_gc (lua_State *L) {
  struct conn *c = luaL_checkudata(L, 1, CONN_T);
  tls_conn_detach(c);
  c->closed = true;
  tls_conn_drop_held(c);
  if (c->engine != NULL && tls_engine_busy(c->engine))
    return 0; /* lua_close in the callback for a key: OpenSSL uses it yet */
  tls_engine_free(c->engine);
  c->engine = NULL;
  return 0;
}
