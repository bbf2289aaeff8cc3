/*
** class: the C side of the Lua layer's classes, see class.h.
*/
#include "class.h"

#include <stdbool.h>

int tls_class_sized (lua_State *L) {
  lua_createtable(L, 0, (int)luaL_checkinteger(L, 1));
  return 1;
}

int tls_class_object_and_text (lua_State *L) {
  bool found = lua_istable(L, 1) && lua_type(L, 2) == LUA_TSTRING;
  lua_pushboolean(L, found && lua_rawlen(L, 2) > 0);
  return 1;
}

/* Makes an object. Upvalues: the metatable; how many fields to make room for;
** then each field's name and value. */
static int instance (lua_State *L) {
  int i;
  lua_settop(L, 0);
  lua_createtable(L, 0, (int)lua_tointeger(L, lua_upvalueindex(2)));
  for (i = 3; !lua_isnone(L, lua_upvalueindex(i)); i += 2) {
    lua_pushvalue(L, lua_upvalueindex(i));
    lua_pushvalue(L, lua_upvalueindex(i + 1));
    lua_rawset(L, 1);
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_setmetatable(L, 1);
  return 1;
}

#define MAX_OWN 100 /* of 255 upvalues */

int tls_class_instantiator (lua_State *L) {
  int n = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkinteger(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 3);
  luaL_checkstack(L, 2 * MAX_OWN + 4, "tls");
  lua_pushnil(L);
  while (lua_next(L, 3)) { /* stack: ..., name, value */
    luaL_argcheck(L, ++n <= MAX_OWN, 3, "too many fields");
    lua_pushvalue(L, -2);
  }
  lua_remove(L, 3);
  lua_pushcclosure(L, instance, 2 + 2 * n);
  return 1;
}

/* An object's __index. Upvalues: its class, and the functions that compute
** its other properties. */
static int read_property (lua_State *L) {
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  if (!lua_isnil(L, -1))
    return 1;
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(2));
  if (lua_isnil(L, -1))
    return 1;
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1); /* on behalf of whoever reads the property */
  return 1;
}

int tls_class_indexer (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_pushcclosure(L, read_property, 2);
  return 1;
}
