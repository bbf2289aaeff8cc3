/*
** own_folder: which frames of a stack are ours, see own_folder.h.
*/
#include "own_folder.h"

#include <string.h>

static const char folder_key = 0; /* its address is the registry's key */

/* The source of a chunk that was loaded from a file is "@" and its path. A
** chunk without debug information has "=?", and gives no folder. */
int tls_own_folder_set (lua_State *L) {
  lua_Debug ar;
  size_t n = strlen(luaL_checkstring(L, 1)), size;
  if (!lua_getstack(L, 1, &ar) || !lua_getinfo(L, "S", &ar))
    return 0;
  size = strlen(ar.source);
  if (size <= n + 1 || strchr("/\\", ar.source[size - n - 1]) == NULL)
    return 0;
  lua_pushlstring(L, ar.source, size - n);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &folder_key);
  return 0;
}

/* The registry holds it; NULL when it is not known. [-0, +0] */
static const char *folder (lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &folder_key);
  const char *path = lua_tostring(L, -1);
  lua_pop(L, 1);
  return path;
}

bool tls_own_folder_is_known (lua_State *L) {
  return folder(L) != NULL;
}

bool tls_own_folder_has (lua_State *L, const lua_Debug *ar) {
  const char *path = folder(L);
  return path != NULL && strncmp(ar->source, path, strlen(path)) == 0;
}
