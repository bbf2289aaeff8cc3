/*
** own_folder: which frames of a stack are of our Lua layer.
*/
#ifndef tls_lua_own_folder_h
#define tls_lua_own_folder_h

#include <stdbool.h>

#include "compat.h"

/* core.ownFolder(name): the caller is a file of ours with that name, below
** the folder of our Lua layer: files in it are no part of the user's
** program. */
int tls_own_folder_set (lua_State *L);

/* False for a layer without debug information, and before it is loaded. */
bool tls_own_folder_is_known (lua_State *L);

/* Whether the frame, with 'S' filled in, is in a file of our Lua layer. */
bool tls_own_folder_has (lua_State *L, const lua_Debug *ar);

#endif
