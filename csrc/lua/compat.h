/*
** compat: the part of Lua's 5.4 C API that tls uses, for Lua 5.1 and LuaJIT,
** 5.2 and 5.3. The only conditionals by Lua version, but for one in
** lua_state.c. Included instead of lua.h by every file outside the engine.
*/
#ifndef tls_lua_compat_h
#define tls_lua_compat_h

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM < 504

#if LUA_VERSION_NUM < 502

#include <string.h>

#ifndef LUA_OK
#define LUA_OK 0
#endif
#define lua_rawlen lua_objlen

#ifndef luaL_newlib /* LuaJIT has these of 5.2 */

static inline void luaL_setmetatable (lua_State *L, const char *name) {
  luaL_getmetatable(L, name);
  lua_setmetatable(L, -2);
}

static inline void *luaL_testudata (lua_State *L, int arg, const char *name) {
  void *p = lua_touserdata(L, arg);
  if (p == NULL || !lua_getmetatable(L, arg))
    return NULL;
  luaL_getmetatable(L, name);
  if (!lua_rawequal(L, -1, -2))
    p = NULL;
  lua_pop(L, 2);
  return p;
}

static inline void luaL_setfuncs (lua_State *L, const luaL_Reg *l, int n) {
  int i;
  for (; l->name != NULL; l++) {
    for (i = 0; i < n; i++)
      lua_pushvalue(L, -n);
    lua_pushcclosure(L, l->func, n);
    lua_setfield(L, -(n + 2), l->name);
  }
  lua_pop(L, n);
}
#define luaL_newlib(L, l) (lua_newtable(L), luaL_setfuncs(L, l, 0))

/* Of the Lua functions, without names. 'at' is 'L' itself. */
static inline void luaL_traceback (lua_State *L, lua_State *at, const char *msg,
                                   int level) {
  lua_Debug ar;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  if (msg != NULL)
    luaL_addstring(&b, msg);
  luaL_addstring(&b, msg != NULL ? "\nstack traceback:" : "stack traceback:");
  for (; lua_getstack(at, level, &ar); level++) {
    lua_getinfo(at, "Sl", &ar);
    if (ar.currentline <= 0)
      continue;
    lua_pushfstring(L, "\n\t%s:%d: in a function", ar.short_src,
                    ar.currentline);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
}

#endif

static inline void lua_rawgetp (lua_State *L, int idx, const void *p) {
  if (idx < 0 && idx > LUA_REGISTRYINDEX)
    idx = lua_gettop(L) + idx + 1;
  lua_pushlightuserdata(L, (void *)p);
  lua_rawget(L, idx);
}

static inline void lua_rawsetp (lua_State *L, int idx, const void *p) {
  if (idx < 0 && idx > LUA_REGISTRYINDEX)
    idx = lua_gettop(L) + idx + 1;
  lua_pushlightuserdata(L, (void *)p);
  lua_insert(L, -2);
  lua_rawset(L, idx);
}

static inline int lua_isinteger (lua_State *L, int idx) {
  return lua_type(L, idx) == LUA_TNUMBER &&
         (lua_Number)lua_tointeger(L, idx) == lua_tonumber(L, idx);
}

#ifndef luaL_checkversion
#define luaL_checkversion(L) ((void)(L))
#endif

#elif LUA_VERSION_NUM < 503

#define lua_isinteger(L, idx)         \
  (lua_type(L, idx) == LUA_TNUMBER && \
   (lua_Number)lua_tointeger(L, idx) == lua_tonumber(L, idx))

#endif

#define lua_newuserdatauv(L, size, n) lua_newuserdata(L, size)
#if LUA_VERSION_NUM < 502
#define tls_getuservalue(L, idx) lua_getfenv(L, idx)
#define tls_setuservalue(L, idx) lua_setfenv(L, idx)
#else
#define tls_getuservalue(L, idx) lua_getuservalue(L, idx)
#define tls_setuservalue(L, idx) lua_setuservalue(L, idx)
#endif

/* User values: what a userdata keeps alive, by number from 1. 'idx' must be
** absolute. Before Lua 5.4 there is one user value, here a table, which
** tls_new_user_values() makes first. */
static inline void tls_new_user_values (lua_State *L, int idx) {
  lua_newtable(L);
  tls_setuservalue(L, idx);
}

/* The value is on top. [-1, +0] */
static inline void tls_set_user_value (lua_State *L, int idx, int n) {
  tls_getuservalue(L, idx);
  lua_insert(L, -2);
  lua_rawseti(L, -2, n);
  lua_pop(L, 1);
}

static inline void tls_push_user_value (lua_State *L, int idx, int n) {
  tls_getuservalue(L, idx); /* [-0, +1] */
  lua_rawgeti(L, -1, n);
  lua_replace(L, -2);
}

#else

#define tls_new_user_values(L, idx) ((void)(idx))
#define tls_set_user_value(L, idx, n) ((void)lua_setiuservalue(L, idx, n))
#define tls_push_user_value(L, idx, n) ((void)lua_getiuservalue(L, idx, n))

#endif

/* lua_rawget() and the like return the type since 5.3, and nothing before: do
** not use it. */

#endif
