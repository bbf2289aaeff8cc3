/*
** last_turn: how a Lua state leaves luv's loop, see last_turn.h.
*/
#include "state_closing.h"

#include "table_fields.h"

#define SENTINEL_T "tls.closing_sentinel"

static const char sentinel_key = 0; /* its address is the key in the registry */

/* Younger than every handle of ours: so its finalizer runs before theirs. The
** registry holds the latest one, which therefore only lua_close() finalizes. It
** is made with the handle, not when that is closed: lua_close() may have begun
** by then, and what is made during it has no finalizer, or a late one. */
struct sentinel {
  struct tls_lua_state *state; /* borrowed; older, so it outlives this */
};

int tls_handle_made (lua_State *L) {
  struct tls_lua_state *state = tls_lua_state_get(L);
  if (state->closing)
    return 0;
  struct sentinel *m = lua_newuserdatauv(L, sizeof *m, 0);
  m->state = state;
  luaL_setmetatable(L, SENTINEL_T);
  lua_rawsetp(L, LUA_REGISTRYINDEX,
              &sentinel_key); /* may throw, the first time */
  state->closing_sentinel = m;
  return 0;
}

/* In the place of luv's own cb_pcall: no callback enters Lua meanwhile. */
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

/* Ours, or one of ours that somebody else has closed, or a stranger's, to which
** the same would happen. */
static bool something_closes (struct tls_lua_state *state) {
  bool found = false;
  void *arg[2] = {state, &found};
  state->uv.uv_walk(state->luv->loop, note_closing, arg);
  return found;
}

/* One turn is enough. If uv.stop() was called, the first one only takes note of
** it. */
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
  struct sentinel *m = luaL_checkudata(L, 1, SENTINEL_T);
  struct tls_lua_state *state = m->state;
  if (state->closing || state->closing_sentinel != m)
    return 0; /* another one has taken its place */
  state->closing = true;
  finish_closing(state);
  return 0;
}

void tls_state_closing_open (lua_State *L) {
  luaL_newmetatable(L, SENTINEL_T);
  tls_set_function(L, "__gc", sentinel_gc);
  lua_pop(L, 1);
}
