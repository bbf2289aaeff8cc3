/*
** env: the record of a Lua state, see env.h.
*/
#include "lua_state.h"

#include <string.h>

#include <openssl/crypto.h>

#include "lua_error.h"

#define ENV_T "tls.env"

static const char env_key = 0; /* its address is the key in the registry */

struct tls_env *tls_env_get (lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &env_key);
  struct tls_env *env = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return env;
}

/* Runs after the finalizers of all connections and contexts, which are
** younger, and before luv closes its loop, which is older: callbacks that
** come from there find 'closing'. */
static int env_gc (lua_State *L) {
  struct tls_env *env = luaL_checkudata(L, 1, ENV_T);
  env->closing = true;
  BIO_meth_free(env->method);
  env->method = NULL;
  BIO_free(env->err);
  env->err = NULL;
  tls_pool_free(&env->pool);
  OPENSSL_clear_free(env->out, TLS_SCRATCH_OUT); /* somebody's plaintext */
  env->out = NULL;
  return 0;
}

static lua_State *main_thread (lua_State *L, struct tls_env *env) {
#ifdef LUA_RIDX_MAINTHREAD
  (void)env;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  lua_State *main = lua_tothread(L, -1);
  lua_pop(L, 1);
  return main;
#else /* Lua 5.1 keeps it nowhere; luv has been required by the main chunk */
  (void)L;
  return env->luv->L;
#endif
}

static void link_luv (lua_State *L, struct tls_env *env) {
  char why[512];
  lua_CFunction f;
  const void *address;
  lua_getfield(L, -2, "version"); /* any C function of luv's will do */
  f = lua_tocfunction(L, -1);
  lua_pop(L, 1);
  memcpy(&address, &f, sizeof address);
  if (!tls_uvlink(&env->uv, address, why, sizeof why))
    luaL_error(L, "%s", why);
  env->luv = env->uv.luv_context(L);
  if (env->luv == NULL || env->luv->cb_pcall == NULL)
    luaL_error(L, "tls: luv has no context for this Lua state");
}

/* Weak values: a socket is kept alive by whoever uses it, or by its conn's
** anchor while I/O is in flight. */
static int new_owners (lua_State *L) {
  lua_newtable(L);
  lua_newtable(L);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

void tls_env_open (lua_State *L) {
  struct tls_env *env = lua_newuserdatauv(L, sizeof *env, 0);
  memset(env, 0, offsetof(struct tls_env, in));
  luaL_newmetatable(L, ENV_T);
  lua_pushcfunction(L, env_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  link_luv(L, env);
  env->main = main_thread(L, env);
  env->owners = new_owners(L);
  env->method = tls_bio_method();
  env->err = BIO_new_fp(stderr, BIO_NOCLOSE);
  if (env->method == NULL)
    luaL_error(L, "tls: out of memory");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &env_key);
}

char *tls_env_take_scratch (struct tls_env *env) {
  char *scratch = env->out;
  env->out = NULL;
  return scratch != NULL ? scratch : OPENSSL_malloc(TLS_SCRATCH_OUT);
}

void tls_env_give_scratch (struct tls_env *env, char *scratch) {
  if (env->out == NULL && !env->closing)
    env->out = scratch;
  else
    OPENSSL_clear_free(scratch, TLS_SCRATCH_OUT);
}

bool tls_env_enter (struct tls_env *env, lua_CFunction fn, void *arg) {
  lua_State *L = env->main;
  if (env->closing || !lua_checkstack(L, 4)) /* fn, arg, traceback, spare */
    return false;
  lua_pushcfunction(L, fn); /* light since 5.2: no allocation */
  lua_pushlightuserdata(L, arg);
  return env->luv->cb_pcall(L, 1, 0, 0) >= 0;
}

int tls_env_check_alive (lua_State *L) {
  struct tls_error e;
  if (!tls_env_get(L)->closing)
    return 0;
  tls_error_set(&e, "ERR_LUA_STATE_CLOSING", "The Lua state is being closed");
  return tls_throw(L, &e);
}

int tls_env_closing (lua_State *L) {
  lua_pushboolean(L, tls_env_get(L)->closing);
  return 1;
}

void tls_env_push_errnos (lua_State *L) {
  struct tls_env *env = tls_env_get(L);
  char name[64];
  int number;
  lua_newtable(L);
  for (number = -1; number >= -133; number--) {
    env->uv.uv_err_name_r(number, name, sizeof name);
    if (strchr(name, ' ') != NULL) /* "Unknown system error" */
      continue;
    lua_pushinteger(L, number);
    lua_setfield(L, -2, name);
  }
}

void tls_env_push_errname (lua_State *L, int number) {
  char name[64];
  tls_env_get(L)->uv.uv_err_name_r(number, name, sizeof name);
  lua_pushstring(L, name);
}

static const char *const handler_names[TLS_HANDLER_COUNT] = {
#define X(name) #name,
    TLS_HANDLERS(X)
#undef X
};

int tls_env_handlers (lua_State *L) {
  struct tls_env *env = tls_env_get(L);
  int i;
  luaL_checktype(L, 1, LUA_TTABLE);
  if (env->handled)
    return 0;
  for (i = 0; i < TLS_HANDLER_COUNT; i++) {
    lua_getfield(L, 1, handler_names[i]);
    if (!lua_isfunction(L, -1))
      return luaL_error(L, "handler '%s' is not a function", handler_names[i]);
    env->handlers[i] = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  env->handled = true;
  return 0;
}
