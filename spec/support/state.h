/*
** state: how the programs of the specs, with Lua, luv and libuv linked in, make
** a Lua state and run a script in it.
*/
#ifndef spec_state_h
#define spec_state_h

#include <stdio.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <luv/luv.h>

#ifndef LUA_OK /* Lua 5.1 */
#define LUA_OK 0
#endif

#ifdef WITH_CORE
int luaopen_tls_core (lua_State *L);
#endif

#ifndef NEW_LUA_STATE
#define NEW_LUA_STATE() luaL_newstate()
#endif

/* 'loop' is the host's; NULL lets luv make one. */
static lua_State *new_state (uv_loop_t *loop) {
  lua_State *L = NEW_LUA_STATE();
  if (L == NULL)
    return NULL;
  luaL_openlibs(L);
  if (loop != NULL)
    luv_set_loop(L, loop);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_luv);
  lua_setfield(L, -2, "luv");
#ifdef WITH_CORE
  lua_pushcfunction(L, luaopen_tls_core);
  lua_setfield(L, -2, "tls.core");
#endif
  lua_pop(L, 2);
  return L;
}

/* argv[1] is the script, its arguments are behind it. */
static int run_script (lua_State *L, int argc, char **argv) {
  int i;
  lua_newtable(L);
  for (i = 1; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - 1);
  }
  lua_setglobal(L, "arg");
  int status = luaL_dofile(L, argv[1]);
  if (status != LUA_OK)
    fprintf(stderr, "host: %s\n", lua_tostring(L, -1));
  return status;
}

#endif
