/*
** table_fields: fields of the table on top of the stack, and metatables. Used
** by every folder but the engine.
*/
#ifndef tls_lua_table_fields_h
#define tls_lua_table_fields_h

#include "compat.h"

/* Set a field. A text that is NULL leaves the table as it is. [-0, +0] */
static inline void tls_set_string (lua_State *L, const char *name,
                                   const char *text) {
  if (text == NULL)
    return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static inline void tls_set_integer (lua_State *L, const char *name,
                                    lua_Integer number) {
  lua_pushinteger(L, number);
  lua_setfield(L, -2, name);
}

/* Set a field to a C function. [-0, +0] */
static inline void tls_set_function (lua_State *L, const char *name,
                                     lua_CFunction function) {
  lua_pushcfunction(L, function);
  lua_setfield(L, -2, name);
}

/* Register the metatable of a userdata with a finalizer. [-0, +0] */
static inline void tls_register_type (lua_State *L, const char *name,
                                      lua_CFunction finalizer) {
  luaL_newmetatable(L, name);
  tls_set_function(L, "__gc", finalizer);
  lua_pop(L, 1);
}

#endif
