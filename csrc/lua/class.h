/*
** class: the C side of the Lua layer's classes (lua/tls/support/class.lua):
** objects are made, and computed properties read, faster than in Lua. Used by
** module.c.
*/
#ifndef tls_lua_class_h
#define tls_lua_class_h

#include "compat.h"

/* core.sized(n) -> {}, with room for 'n' fields. */
int tls_class_sized (lua_State *L);

/* core.objectAndText(a, b) -> boolean: is 'a' a table, and 'b' a string that is
** not empty? One call, for each write, in the place of two of type(). */
int tls_class_object_and_text (lua_State *L);

/* core.instantiator(metatable, room, fields) -> function that makes objects
** with these fields, and room for 'room' of them. */
int tls_class_instantiator (lua_State *L);

/* core.indexer(class, getters) -> the __index of the class's objects: a field
** of the class, else what the getter of that name returns for the object. */
int tls_class_indexer (lua_State *L);

#endif
