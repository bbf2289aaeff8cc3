/*
** readers_fuzz: hands libFuzzer's bytes to a function of Lua, in a program with
** Lua, luv and the module. `make fuzz` says which script that is.
**
** The script returns a function; an error it throws is a finding.
*/
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <luv/luv.h>

static lua_State *L;

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void give_up (const char *what) {
  fprintf(stderr, "%s: %s\n", what, lua_tostring(L, -1));
  abort();
}

static int with_traceback (lua_State *state) {
  luaL_traceback(state, state, luaL_tolstring(state, 1, NULL), 1);
  return 1;
}

int LLVMFuzzerInitialize (int *argc, char ***argv) {
  const char *script = getenv("FUZZ_SCRIPT");
  (void)argc, (void)argv;
  L = luaL_newstate();
  if (L == NULL || script == NULL)
    abort();
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_luv);
  lua_setfield(L, -2, "luv");
  lua_settop(L, 0);
  lua_pushcfunction(L, with_traceback);
  if (luaL_dofile(L, script) != LUA_OK)
    give_up(script);
  return 0;
}

/* The stack holds the traceback's function and the script's. */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  lua_pushvalue(L, 2);
  lua_pushlstring(L, (const char *)data, size);
  if (lua_pcall(L, 1, 0, 1) != LUA_OK)
    give_up("found");
  return 0;
}
