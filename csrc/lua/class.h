/*
** class: what the Lua layer's classes (tls.support.class) have C do for speed.
*/
#ifndef tls_class_h
#define tls_class_h

#include "compat.h"

/* core.sized(n) -> {}, with room for 'n' fields. */
int tls_class_sized (lua_State *L);

/* core.instantiator(metatable, room, fields) -> function that makes objects
** with these fields, and room for 'room' of them. */
int tls_class_instantiator (lua_State *L);

/* core.indexer(class, getters) -> an object's __index. */
int tls_class_indexer (lua_State *L);

#endif
