/*
** host: a program with Lua, luv and libuv linked in, as some runtimes are.
** host SCRIPT [ARGS]: runs it; with HOST_CLOSE=1 it closes the state at the
*end.
*/
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <luv/luv.h>

static void set_args (lua_State *L, int argc, char **argv) {
  int i;
  lua_newtable(L);
  for (i = 1; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - 1);
  }
  lua_setglobal(L, "arg");
}

int main (int argc, char **argv) {
  lua_State *L = luaL_newstate();
  if (L == NULL || argc < 2)
    return 2;
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_luv);
  lua_setfield(L, -2, "luv");
  lua_pop(L, 1);
  set_args(L, argc, argv);
  int status = luaL_dofile(L, argv[1]);
  if (status != LUA_OK)
    fprintf(stderr, "host: %s\n", lua_tostring(L, -1));
  if (getenv("HOST_CLOSE") != NULL)
    lua_close(L);
  return status != LUA_OK;
}
