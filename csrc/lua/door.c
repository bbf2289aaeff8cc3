/*
** door: libuv's callbacks enter Lua, see door.h.
*/
#include "door.h"

#include "error_text.h"

#define NO_TRACEBACK 0x02 /* LUVF_CALLBACK_NOTRACEBACK: our text has one */

struct call {
  lua_CFunction fn;
  void *arg;           /* borrowed */
  bool *out_of_memory; /* borrowed; NULL: that goes to the host, too */
};

/* Whether what a protected call has thrown says that there was no memory: Lua's
** error, or one of ours. It is on top. */
static bool no_memory (lua_State *L, int status) {
  return status == LUA_ERRMEM || tls_error_is_memory(L, -1);
}

/* The error on top is text but when there was no memory for it, or when the
** handler has failed itself: that is still to be more than "(null)". */
static int throw_text (lua_State *L) {
  if (lua_type(L, -1) != LUA_TSTRING)
    tls_error_push_text(L, -1);
  return lua_error(L);
}

/* Before Lua 5.2 a C function is an object, and to push a new one may throw
** what a finalizer of the user's throws. So those that are needed outside of
** our protected call are made once. Their addresses are the registry's keys. */
static const char handler_key = 0, thrower_key = 0;

/* Runs in our protected call. */
static int run (lua_State *L) {
  const struct call *call = lua_touserdata(L, 1);
  lua_settop(L, 0);
  lua_pushlightuserdata(L, call->arg);
  return call->fn(L);
}

/* Upvalues: tls_error_handler(), run(). */
static int enter (lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, 1);
  const struct call *call = lua_touserdata(L, 1);
  int status = lua_pcall(L, 1, 0, 2);
  if (status == LUA_OK)
    return 0;
  if (call->out_of_memory == NULL || !no_memory(L, status))
    return throw_text(L);
  *call->out_of_memory = true;
  return 0;
}

int tls_door_open (lua_State *L) {
  lua_pushcfunction(L, throw_text);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &thrower_key);
  lua_pushcfunction(L, tls_error_handler);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &handler_key);
  lua_pushcfunction(L, run);
  lua_pushcclosure(L, enter, 2);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

bool tls_door_call (lua_State *L, const struct tls_luv_context *luv, int door,
                    lua_CFunction fn, void *arg, bool *out_of_memory) {
  struct call call = {fn, arg, out_of_memory};
  lua_rawgeti(L, LUA_REGISTRYINDEX, door);
  lua_pushlightuserdata(L, &call);
  bool ended = luv->cb_pcall(L, 1, 0, NO_TRACEBACK) >= 0;
  return ended && (out_of_memory == NULL || !*out_of_memory);
}

/* Upvalues: luv's context, the function, how many arguments are bound, and
** these. */
enum { LUV = 1, FUNCTION, COUNT, FIRST };

/* luv calls this function from a callback, with a message handler of its own,
** which would add a second traceback: so the text goes to the host's policy
** by a call in which there is none. Where the host goes on, so does luv. */
static int report (lua_State *L) {
  const struct tls_luv_context *luv = lua_touserdata(L, lua_upvalueindex(LUV));
  lua_rawgetp(L, LUA_REGISTRYINDEX, &thrower_key);
  lua_insert(L, -2);
  luv->cb_pcall(L, 1, 0, NO_TRACEBACK);
  return 0;
}

/* Runs protected: owner:_memory_out(). Returns what that does. */
static int tell_owner (lua_State *L) {
  lua_pushliteral(L, "_memory_out");
  lua_gettable(L, 1);
  lua_insert(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

/* There was no memory. When the first bound argument is what the callback
** belongs to, a socket for example, that is what ends; and the host is not
** told. */
static bool owner_has_ended (lua_State *L) {
  if (lua_tointeger(L, lua_upvalueindex(COUNT)) == 0 ||
      !lua_istable(L, lua_upvalueindex(FIRST)))
    return false;
  lua_pushcfunction(L, tell_owner);
  lua_pushvalue(L, lua_upvalueindex(FIRST));
  bool ended = lua_pcall(L, 1, 1, 0) == LUA_OK && lua_toboolean(L, -1);
  lua_pop(L, 1);
  return ended;
}

#define USUAL 8 /* Lua always has room for LUA_MINSTACK */

static int enter_function (lua_State *L) {
  int bound = (int)lua_tointeger(L, lua_upvalueindex(COUNT)), i;
  int given = lua_gettop(L);
  if (bound + given > USUAL)
    luaL_checkstack(L, bound + given + 8, "tls");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &handler_key);
  lua_pushvalue(L, lua_upvalueindex(FUNCTION));
  for (i = 0; i < bound; i++)
    lua_pushvalue(L, lua_upvalueindex(FIRST + i));
  for (i = 1; i <= given; i++)
    lua_pushvalue(L, i);
  int status = lua_pcall(L, bound + given, LUA_MULTRET, given + 1);
  if (status != LUA_OK)
    return no_memory(L, status) && owner_has_ended(L) ? 0 : report(L);
  return lua_gettop(L) - given - 1;
}

int tls_door_attempt (lua_State *L) {
  luaL_checkany(L, 1);
  bool ok = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0) == LUA_OK;
  luaL_checkstack(L, 1, "tls");
  lua_pushboolean(L, ok);
  lua_insert(L, 1);
  return lua_gettop(L);
}

void tls_door_call_at_end (lua_State *L) {
  if (lua_pcall(L, 0, 0, 0) != LUA_OK)
    lua_pop(L, 1);
}

void tls_door_push (lua_State *L, const struct tls_luv_context *luv) {
  int bound = lua_gettop(L) - 1;
  luaL_checkstack(L, 2, "tls");
  lua_pushinteger(L, bound);
  lua_insert(L, 2);
  lua_pushlightuserdata(L, (void *)luv);
  lua_insert(L, 1);
  lua_pushcclosure(L, enter_function, bound + FIRST - 1);
}

bool tls_door_is (lua_CFunction fn) {
  return fn == enter || fn == enter_function || fn == tls_door_attempt;
}
