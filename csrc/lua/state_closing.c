/*
** last_turn: how a Lua state leaves luv's loop, see last_turn.h.
*/
#include "state_closing.h"

#define MARK_T "tls.mark"

static const char mark_key = 0; /* its address is the key in the registry */

/* Younger than every handle of ours: so its finalizer runs before theirs. The
** registry holds the latest one, which therefore only lua_close() finalizes. It
** is made with the handle, not when that is closed: lua_close() may have begun
** by then, and what is made during it has no finalizer, or a late one. */
struct mark {
  struct tls_env *env; /* borrowed; older, so it outlives this */
};

int tls_handle_made (lua_State *L) {
  struct tls_env *env = tls_env_get(L);
  if (env->closing)
    return 0;
  struct mark *m = lua_newuserdatauv(L, sizeof *m, 0);
  m->env = env;
  luaL_setmetatable(L, MARK_T);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &mark_key); /* may throw, the first time */
  env->mark = m;
  return 0;
}

/* In the place of luv's own cb_pcall: no callback enters Lua meanwhile. */
static int drop_call (lua_State *L, int nargs, int nresults, int flags) {
  (void)nresults, (void)flags;
  lua_pop(L, nargs + 1); /* and the function */
  return -LUA_ERRRUN;
}

static void look (struct tls_uv_handle *handle, void *arg) {
  struct tls_env *env = ((void **)arg)[0];
  bool *found = ((void **)arg)[1];
  if (env->uv.uv_is_closing(handle))
    *found = true;
}

/* Ours, or one of ours that somebody else has closed, or a stranger's, to which
** the same would happen. */
static bool something_closes (struct tls_env *env) {
  bool found = false;
  void *arg[2] = {env, &found};
  env->uv.uv_walk(env->luv->loop, look, arg);
  return found;
}

/* One turn is enough. If uv.stop() was called, the first one only takes note of
** it. */
static void finish_closing (struct tls_env *env) {
  struct tls_luv_context *luv = env->luv;
  int (*policy)(lua_State *, int, int, int) = luv->cb_pcall;
  int i;
  luv->cb_pcall = drop_call;
  for (i = 0; i < 2 && something_closes(env); i++)
    env->uv.uv_run(luv->loop, TLS_UV_RUN_NOWAIT);
  luv->cb_pcall = policy;
}

static int mark_gc (lua_State *L) {
  struct mark *m = luaL_checkudata(L, 1, MARK_T);
  struct tls_env *env = m->env;
  if (env->closing || env->mark != m)
    return 0; /* another one has taken its place */
  env->closing = true;
  finish_closing(env);
  return 0;
}

void tls_last_turn_open (lua_State *L) {
  luaL_newmetatable(L, MARK_T);
  lua_pushcfunction(L, mark_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
