/*
** error_place: where a caller's mistake is, see error_place.h.
*/
#include "error_place.h"

#include <stdbool.h>
#include <string.h>

#include "door.h"
#include "error_text.h"
#include "own_folder.h"

/* Whether the frame is a door: the loop has called what is above it. */
static bool is_door (lua_State *L, lua_Debug *ar) {
  lua_getinfo(L, "f", ar);
  bool door = tls_door_is(lua_tocfunction(L, -1));
  lua_pop(L, 1);
  return door;
}

/* The level of the first frame of the user's program, and what is known about
** it in 'ar': the first that is not in our folder. 0 when there is none, or
** when it has no line. */
static int user_level (lua_State *L, lua_Debug *ar) {
  int level;
  for (level = 0; lua_getstack(L, level, ar); level++) {
    lua_getinfo(L, "Sl", ar);
    if (is_door(L, ar))
      return 0;
    bool is_lua = *ar->what != 'C' && *ar->what != 't'; /* "tail" in 5.1 */
    if (is_lua && !tls_own_folder_has(L, ar))
      return ar->currentline > 0 ? level : 0;
  }
  return 0;
}

/* The error at 'idx' has a text in a field. [-0, +0] */
static bool has_text (lua_State *L, int idx, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, idx);
  bool found = lua_type(L, -1) == LUA_TSTRING;
  lua_pop(L, 1);
  return found;
}

static void set_place (lua_State *L, int err, const lua_Debug *ar) {
  lua_pushliteral(L, "message");
  lua_pushfstring(L, "%s:%d: ", ar->short_src, ar->currentline);
  lua_pushliteral(L, "message");
  lua_rawget(L, err);
  lua_concat(L, 2);
  lua_rawset(L, err);
}

void tls_error_place_add (lua_State *L) {
  lua_Debug ar;
  int err = lua_gettop(L), level;
  luaL_checkstack(L, 8, "tls");
  if (!tls_error_is(L, err) || has_text(L, err, "stack"))
    return;
  level = tls_own_folder_is_known(L) ? user_level(L, &ar) : 0;
  if (level > 0) {
    if (has_text(L, err, "message"))
      set_place(L, err, &ar);
    lua_pushliteral(L, "stack");
    luaL_traceback(L, L, NULL, level - 1); /* with what was called there */
    lua_rawset(L, err);
  }
  lua_settop(L, err);
}

int tls_error_place_throw (lua_State *L) {
  lua_settop(L, 1);
  tls_error_place_add(L);
  return lua_error(L);
}
