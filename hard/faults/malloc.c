/* How many bytes malloc has given out in this process: what is left behind in C
 * is in no other count. */
#include <lauxlib.h>
#include <malloc.h>

static int in_use (lua_State *L) {
  lua_pushnumber(L, (lua_Number)mallinfo2().uordblks);
  return 1;
}

int luaopen_hard_faults_malloc (lua_State *L);

int luaopen_hard_faults_malloc (lua_State *L) {
  lua_pushcfunction(L, in_use);
  return 1;
}
