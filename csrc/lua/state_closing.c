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

/* One turn of the loop is enough for handles. When uv.stop() was called, the
** first turn only takes note of that. False when something will never end. */
static bool run_until_closed (struct tls_lua_state *state) {
  struct tls_luv_context *luv = state->luv;
  int (*policy)(lua_State *, int, int, int) = luv->cb_pcall;
  int i;
  luv->cb_pcall = drop_call;
  bool settled = state->away.settle == NULL || state->away.settle(state);
  for (i = 0; i < 2 && something_closes(state); i++)
    state->uv.uv_run(luv->loop, TLS_UV_RUN_NOWAIT);
  luv->cb_pcall = policy;
  return settled && !something_closes(state);
}

/* An allocator that frees nothing. */
static void *keep_memory (void *arg, void *p, size_t old_size, size_t size) {
  struct tls_lua_state *state = arg;
  if (size == 0)
    return NULL;
  return state->allocate(state->allocate_arg, p, old_size, size);
}

/* The loop will never be empty, which luv's finalizer of the loop would wait
** for. So that does not run, and nothing is freed that libuv's threads still
** use for a request. The process ends next: os.exit() has closed the state. */
static void abandon_loop (lua_State *L, struct tls_lua_state *state) {
  luaL_getmetatable(L, "uv_loop.meta"); /* none where the loop is the host's */
  if (lua_istable(L, -1)) {
    lua_pushnil(L);
    lua_setfield(L, -2, "__gc");
    state->allocate = lua_getallocf(L, &state->allocate_arg);
    lua_setallocf(L, keep_memory, state);
  }
  lua_pop(L, 1);
}

/* libuv takes the handles that are closed in a turn off its list, and calls
** back for one after the other; so it does with what its threads have done.
** Where such a callback closes the state, those behind it are on no list any
** more, and no turn finishes them. */
static void finish_closing (lua_State *L, struct tls_lua_state *state) {
  if (!run_until_closed(state))
    abandon_loop(L, state);
}

/* In a finalizer that only lua_close() runs. [-0, +0] */
static void begin_closing (lua_State *L, struct tls_lua_state *state) {
  if (state->closing)
    return;
  tls_lua_state_call_at_closing(L, state);
  state->closing = true;
  finish_closing(L, state);
}

static int sentinel_gc (lua_State *L) {
  struct sentinel *sentinel = luaL_checkudata(L, 1, SENTINEL_T);
  if (sentinel->state->closing_sentinel == sentinel)
    begin_closing(L, sentinel->state);
  return 0; /* else a younger one has taken its place */
}

/* luv holds a handle in the registry until libuv has closed it. [-0, +0] */
static bool held_by_luv (lua_State *L) {
  struct tls_uv_handle **handle = lua_touserdata(L, 1);
  if (handle == NULL || *handle == NULL || (*handle)->data == NULL)
    return false;
  lua_rawgeti(L, LUA_REGISTRYINDEX,
              ((struct tls_luv_handle *)(*handle)->data)->ref);
  bool held = lua_rawequal(L, -1, 1);
  lua_pop(L, 1);
  return held;
}

/* The finalizer of luv's handles, whoever has made them: the program's, too,
** which may be younger than the sentinel. Upvalue: luv's own finalizer. */
static int handle_gc (lua_State *L) {
  if (held_by_luv(L))
    begin_closing(L, tls_lua_state_get(L));
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* Stack: the metatable of a kind of handles on top. [-0, +0] */
static void wrap_finalizer (lua_State *L) {
  lua_getfield(L, -1, "__gc");
  if (lua_iscfunction(L, -1)) {
    lua_pushcclosure(L, handle_gc, 1);
    lua_setfield(L, -2, "__gc");
  } else {
    lua_pop(L, 1);
  }
}

/* luv's list of its kinds of handles: metatable -> true. [-0, +0] */
static void wrap_finalizers (lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "uv_handle");
  if (lua_istable(L, -1)) {
    for (lua_pushnil(L); lua_next(L, -2) != 0;) {
      lua_pop(L, 1); /* true */
      if (lua_istable(L, -1))
        wrap_finalizer(L);
    }
  }
  lua_pop(L, 1);
}

void tls_state_closing_open (lua_State *L) {
  tls_register_type(L, SENTINEL_T, sentinel_gc);
  wrap_finalizers(L);
}
