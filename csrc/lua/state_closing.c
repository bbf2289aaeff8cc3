/*
** state_closing: what happens to luv's loop in lua_close(), see
** state_closing.h.
*/
#include "state_closing.h"

#include "table_fields.h"

#define SENTINEL_T "tls.closing_sentinel"

static const char sentinel_key = 0; /* its address is the key in the registry */

/* An object whose finalizer notices that lua_close() has begun. It is made
** with each handle, after it, so that its finalizer runs before the handle's.
** The registry holds only the latest one, which therefore is finalized by
** nothing but lua_close(). It is not made when a handle is closed: in
** lua_close(), new objects have no finalizer, or a late one. */
struct sentinel {
  struct tls_lua_state *state; /* borrowed; older, so it outlives this */
};

int tls_state_closing_handle_made (lua_State *L) {
  struct tls_lua_state *state = tls_lua_state_get(L);
  if (state->closing)
    return 0;
  struct sentinel *sentinel = lua_newuserdatauv(L, sizeof *sentinel, 0);
  sentinel->state = state;
  luaL_setmetatable(L, SENTINEL_T);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sentinel_key); /* may throw, once */
  state->closing_sentinel = sentinel;
  return 0;
}

/* Stands in for luv's cb_pcall while the loop runs: no callback enters Lua. */
static int drop_call (lua_State *L, int nargs, int nresults, int flags) {
  (void)nresults, (void)flags;
  lua_pop(L, nargs + 1); /* and the function */
  return -LUA_ERRRUN;
}

static void note_closing (struct tls_uv_handle *handle, void *arg) {
  struct tls_lua_state *state = ((void **)arg)[0];
  bool *found = ((void **)arg)[1];
  if (state->uv.uv_is_closing(handle))
    *found = true;
}

/* Handles of other code count, too: the same would happen to them. */
static bool something_closes (struct tls_lua_state *state) {
  bool found = false;
  void *arg[2] = {state, &found};
  state->uv.uv_walk(state->luv->loop, note_closing, arg);
  return found;
}

/* One turn of the loop is enough. When uv.stop() was called, the first turn
** only takes note of that. */
static void finish_closing (struct tls_lua_state *state) {
  struct tls_luv_context *luv = state->luv;
  int (*policy)(lua_State *, int, int, int) = luv->cb_pcall;
  int i;
  luv->cb_pcall = drop_call;
  for (i = 0; i < 2 && something_closes(state); i++)
    state->uv.uv_run(luv->loop, TLS_UV_RUN_NOWAIT);
  luv->cb_pcall = policy;
}

static int sentinel_gc (lua_State *L) {
  struct sentinel *sentinel = luaL_checkudata(L, 1, SENTINEL_T);
  struct tls_lua_state *state = sentinel->state;
  if (state->closing || state->closing_sentinel != sentinel)
    return 0; /* a younger one has taken its place */
  tls_lua_state_call_at_closing(L, state);
  state->closing = true;
  finish_closing(state);
  return 0;
}

void tls_state_closing_open (lua_State *L) {
  tls_register_type(L, SENTINEL_T, sentinel_gc);
}
