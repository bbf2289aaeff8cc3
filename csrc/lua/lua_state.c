/*
** lua_state: what the connections of a Lua state share, see lua_state.h.
*/
#include "lua_state.h"

#include <string.h>

#include <openssl/crypto.h>

#include "door.h"
#include "lua_error.h"
#include "table_fields.h"

#define LUA_STATE_T "tls.lua"

/* Their addresses are keys in the registry. */
static const char state_key = 0, luv_thread_key = 0;

struct tls_lua_state *tls_lua_state_get (lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
  struct tls_lua_state *state = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return state;
}

/* Finalizers run in reverse order of creation. So this one runs after those
** of all connections and contexts, which are younger, and before luv closes
** its loop, which is older. Callbacks that come from there find 'closing'
** set. */
static int state_gc (lua_State *L) {
  struct tls_lua_state *state = luaL_checkudata(L, 1, LUA_STATE_T);
  state->closing = true;
  if (state->away.forget != NULL)
    state->away.forget(state);
  BIO_meth_free(state->bio_method);
  state->bio_method = NULL;
  BIO_free(state->stderr_bio);
  state->stderr_bio = NULL;
  tls_buffer_pool_free(&state->pool);
  OPENSSL_clear_free(state->plaintext, TLS_PLAINTEXT_SIZE); /* plaintext */
  state->plaintext = NULL;
  return 0;
}

static lua_State *main_thread (lua_State *L, struct tls_lua_state *state) {
#ifdef LUA_RIDX_MAINTHREAD
  (void)state;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  lua_State *main = lua_tothread(L, -1);
  lua_pop(L, 1);
  return main;
#else /* Lua 5.1 does not keep it; the main chunk has required luv */
  (void)L;
  return state->luv->L;
#endif
}

/* luv calls back in the coroutine that has required it, which may be this one,
** and does not keep it. */
static void keep_luv_thread (lua_State *L, struct tls_lua_state *state) {
  if (state->luv->L != L)
    return;
  lua_pushthread(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &luv_thread_key);
}

static void link_luv (lua_State *L, struct tls_lua_state *state) {
  char why[512];
  lua_CFunction f;
  const void *address;
  lua_getfield(L, -2, "version"); /* any C function of luv's will do */
  f = lua_tocfunction(L, -1);
  lua_pop(L, 1);
  memcpy(&address, &f, sizeof address);
  if (!tls_libuv_symbols_resolve(&state->uv, address, why, sizeof why))
    luaL_error(L, "%s", why);
  state->luv = state->uv.luv_context(L);
  if (state->luv == NULL || state->luv->cb_pcall == NULL)
    luaL_error(L, "tls: luv has no context for this Lua state");
  keep_luv_thread(L, state);
}

/* Weak values: a socket lives as long as somebody uses it, or as its
** connection is attached to a handle. */
static int new_sockets_table (lua_State *L) {
  lua_newtable(L);
  lua_newtable(L);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

void tls_lua_state_open (lua_State *L) {
  struct tls_lua_state *state = lua_newuserdatauv(L, sizeof *state, 0);
  memset(state, 0, offsetof(struct tls_lua_state, read_buffer));
  luaL_newmetatable(L, LUA_STATE_T);
  tls_set_function(L, "__gc", state_gc);
  lua_setmetatable(L, -2);
  link_luv(L, state);
  state->main = main_thread(L, state);
  state->sockets = new_sockets_table(L);
  state->door = tls_door_open(L);
  state->at_closing = LUA_NOREF;
  state->handshakes.budget = TLS_HANDSHAKE_BUDGET_NS;
  state->bio_method = tls_record_bio_method();
  state->stderr_bio = BIO_new_fp(stderr, BIO_NOCLOSE);
  if (state->bio_method == NULL || state->stderr_bio == NULL)
    luaL_error(L, "tls: " TLS_NO_MEMORY_TEXT); /* errors have no class yet */
  lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
}

char *tls_lua_state_take_buffer (struct tls_lua_state *state) {
  char *buffer = state->plaintext;
  state->plaintext = NULL;
  return buffer != NULL ? buffer : OPENSSL_malloc(TLS_PLAINTEXT_SIZE);
}

void tls_lua_state_give_buffer (struct tls_lua_state *state, char *buffer) {
  if (state->plaintext != NULL || state->closing) {
    OPENSSL_clear_free(buffer, TLS_PLAINTEXT_SIZE);
    return;
  }
  state->plaintext = buffer;
  if (state->plaintext_stale)
    tls_lua_state_wipe_plaintext(state);
}

void tls_lua_state_note_plaintext (struct tls_lua_state *state, size_t n) {
  if (n > state->plaintext_used)
    state->plaintext_used = n;
}

/* The C library's memset(3), which the compiler cannot leave out like this.
** OPENSSL_cleanse(3) takes eight times as long for 16 KiB. */
static void *(*const volatile fill)(void *, int, size_t) = memset;

void tls_lua_state_wipe_plaintext (struct tls_lua_state *state) {
  state->plaintext_stale = state->plaintext == NULL;
  if (state->plaintext_stale)
    return;
  fill(state->plaintext, 0, state->plaintext_used);
  state->plaintext_used = 0;
}

bool tls_lua_state_call (struct tls_lua_state *state, lua_CFunction fn,
                         void *arg, bool *out_of_memory) {
  lua_State *L = state->main;
  if (state->closing ||
      !lua_checkstack(L, 4)) /* a function, its argument, spare */
    return false;
  return tls_door_call(L, state->luv, state->door, fn, arg, out_of_memory);
}

int tls_lua_state_wrap (lua_State *L) {
  tls_door_push(L, tls_lua_state_get(L)->luv);
  return 1;
}

int tls_lua_state_at_closing (lua_State *L) {
  struct tls_lua_state *state = tls_lua_state_get(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  if (state->at_closing == LUA_NOREF)
    state->at_closing = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

void tls_lua_state_call_at_closing (lua_State *L, struct tls_lua_state *state) {
  if (state->at_closing == LUA_NOREF)
    return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, state->at_closing);
  tls_door_call_at_end(L);
}

int tls_lua_state_check_alive (lua_State *L) {
  struct tls_error e;
  if (!tls_lua_state_get(L)->closing)
    return 0;
  tls_error_set(&e, "ERR_LUA_STATE_CLOSING",
                "The Lua state is being closed: a finalizer can neither "
                "write nor make a context, socket or server any more; do it "
                "before the program ends");
  return tls_throw(L, &e);
}

int tls_lua_state_closing (lua_State *L) {
  lua_pushboolean(L, tls_lua_state_get(L)->closing);
  return 1;
}

void tls_lua_state_push_errnos (lua_State *L) {
  struct tls_lua_state *state = tls_lua_state_get(L);
  char name[64];
  int number;
  lua_newtable(L);
  for (number = -1; number >= -133; number--) {
    state->uv.uv_err_name_r(number, name, sizeof name);
    if (strchr(name, ' ') != NULL) /* "Unknown system error" */
      continue;
    lua_pushinteger(L, number);
    lua_setfield(L, -2, name);
  }
}

void tls_lua_state_push_errname (lua_State *L, int number) {
  char name[64];
  tls_lua_state_get(L)->uv.uv_err_name_r(number, name, sizeof name);
  lua_pushstring(L, name);
}

static const char *const handler_names[TLS_HANDLER_COUNT] = {
#define X(name) #name,
    TLS_HANDLERS(X)
#undef X
};

int tls_lua_state_set_handlers (lua_State *L) {
  struct tls_lua_state *state = tls_lua_state_get(L);
  int i;
  luaL_checktype(L, 1, LUA_TTABLE);
  if (state->handlers_set)
    return 0;
  for (i = 0; i < TLS_HANDLER_COUNT; i++) {
    lua_getfield(L, 1, handler_names[i]);
    if (!lua_isfunction(L, -1))
      return luaL_error(L, "handler '%s' is not a function", handler_names[i]);
    state->handlers[i] = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  state->handlers_set = true;
  return 0;
}
