/*
** door: libuv's callbacks enter Lua, see door.h.
*/
#include "door.h"

#include "error_text.h"

#define NO_TRACEBACK 0x02 /* LUVF_CALLBACK_NOTRACEBACK: our text has one */

struct call {
  lua_CFunction fn;
  void *arg; /* borrowed */
};

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
  if (lua_pcall(L, 1, 0, 2) == LUA_OK)
    return 0;
  return throw_text(L);
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
                    lua_CFunction fn, void *arg) {
  struct call call = {fn, arg};
  lua_rawgeti(L, LUA_REGISTRYINDEX, door);
  lua_pushlightuserdata(L, &call);
  return luv->cb_pcall(L, 1, 0, NO_TRACEBACK) >= 0;
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

static int enter_function (lua_State *L) {
  int bound = (int)lua_tointeger(L, lua_upvalueindex(COUNT)), i;
  int given = lua_gettop(L);
  luaL_checkstack(L, bound + given + 4, "tls");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &handler_key);
  lua_pushvalue(L, lua_upvalueindex(FUNCTION));
  for (i = 0; i < bound; i++)
    lua_pushvalue(L, lua_upvalueindex(FIRST + i));
  for (i = 1; i <= given; i++)
    lua_pushvalue(L, i);
  if (lua_pcall(L, bound + given, LUA_MULTRET, given + 1) != LUA_OK)
    return report(L);
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
