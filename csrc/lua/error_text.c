/*
** error_text: the text of an error, see error_text.h.
*/
#include "error_text.h"

#include <ctype.h>
#include <string.h>

#include "own_folder.h"
#include "table_fields.h"

/* The string of a field of the table at 'idx', or NULL; no metamethod runs.
** The table holds it. [-0, +0] */
static const char *raw_text (lua_State *L, int idx, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, idx);
  const char *text =
      lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  lua_pop(L, 1);
  return text;
}

/* "message [CODE]"; the message alone when the code stands in it. [-0, +1] */
static void push_message (lua_State *L, const char *message, const char *code) {
  if (message == NULL)
    lua_pushstring(L, code != NULL ? code : TLS_ERROR_T);
  else if (code == NULL || strstr(message, code) != NULL)
    lua_pushstring(L, message);
  else
    lua_pushfstring(L, "%s [%s]", message, code);
}

static int error_tostring (lua_State *L) {
  lua_settop(L, 1);
  if (!lua_istable(L, 1)) /* somebody calls the metamethod himself */
    lua_pushliteral(L, TLS_ERROR_T);
  else
    push_message(L, raw_text(L, 1, "message"), raw_text(L, 1, "code"));
  return 1;
}

/* "failed: " .. err: one of the two is an error of ours. */
static int error_concat (lua_State *L) {
  int i;
  lua_settop(L, 2);
  for (i = 1; i <= 2; i++) {
    if (!lua_isstring(L, i) && !tls_error_is(L, i))
      return luaL_error(L, "attempt to concatenate a %s value",
                        luaL_typename(L, i));
    tls_error_push_text(L, i);
  }
  lua_concat(L, 2);
  return 1;
}

void tls_error_open (lua_State *L) {
  luaL_newmetatable(L, TLS_ERROR_T);
  tls_set_function(L, "__tostring", error_tostring);
  tls_set_function(L, "__concat", error_concat);
  lua_pushliteral(L, TLS_ERROR_T);
  lua_setfield(L, -2, "__name");
}

bool tls_error_is (lua_State *L, int idx) {
  if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx))
    return false;
  luaL_getmetatable(L, TLS_ERROR_T);
  bool ours = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return ours;
}

bool tls_error_is_memory (lua_State *L, int idx) {
  if (idx < 0)
    idx = lua_gettop(L) + idx + 1;
  if (lua_type(L, idx) == LUA_TSTRING) /* Lua's own, thrown once more */
    return strcmp(lua_tostring(L, idx), "not enough memory") == 0;
  const char *code = tls_error_is(L, idx) ? raw_text(L, idx, "code") : NULL;
  return code != NULL && strcmp(code, TLS_NO_MEMORY) == 0;
}

/* Runs protected. Returns what __tostring of its argument does. */
static int by_tostring (lua_State *L) {
  if (!luaL_getmetafield(L, 1, "__tostring"))
    return 0;
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

/* Runs protected. Returns the text of the fields of somebody else's error. */
static int by_fields (lua_State *L) {
  lua_settop(L, 1);
  lua_getfield(L, 1, "message");
  lua_getfield(L, 1, "code");
  if (!lua_isstring(L, 2) && !lua_isstring(L, 3))
    return 0;
  push_message(L, lua_isstring(L, 2) ? lua_tostring(L, 2) : NULL,
               lua_isstring(L, 3) ? lua_tostring(L, 3) : NULL);
  return 1;
}

/* Push the string that 'fn' makes of the value at 'idx'. False, and nothing
** pushed, when it makes none, or throws. [-0, +(0|1)] */
static bool push_made (lua_State *L, lua_CFunction fn, int idx) {
  lua_pushcfunction(L, fn);
  lua_pushvalue(L, idx);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_type(L, -1) == LUA_TSTRING)
    return true;
  lua_pop(L, 1);
  return false;
}

void tls_error_push_text (lua_State *L, int idx) {
  int type = lua_type(L, idx);
  if (idx < 0)
    idx = lua_gettop(L) + idx + 1;
  if (type == LUA_TSTRING || type == LUA_TNUMBER) {
    lua_pushvalue(L, idx);
    lua_tostring(L, -1); /* converts a number */
  } else if (!push_made(L, by_tostring, idx) && !push_made(L, by_fields, idx))
    lua_pushfstring(L, "(error object is a %s value)", lua_typename(L, type));
}

int tls_error_text (lua_State *L) {
  lua_settop(L, 1);
  tls_error_push_text(L, 1);
  return 1;
}

/* Whether a text begins with a place: "app.lua:12: ". */
static bool has_place (const char *text) {
  const char *line = strstr(text, ": "), *at = line;
  while (at != NULL && at > text && isdigit((unsigned char)at[-1]))
    at--;
  return at != line && at != NULL && at > text && at[-1] == ':';
}

/* What coroutine.wrap throws on has the place of its call in front of that of
** the error, and where a listener is such a function we have called it: that
** place is taken away again. The handler is level 0. [-0, +0] */
static void drop_our_place (lua_State *L, int idx) {
  lua_Debug ar;
  size_t size, n;
  const char *text = lua_tolstring(L, idx, &size), *where;
  if (!lua_getstack(L, 2, &ar) || !lua_getinfo(L, "S", &ar) ||
      !tls_own_folder_has(L, &ar))
    return;
  luaL_where(L, 2);
  where = lua_tolstring(L, -1, &n);
  if (n > 0 && strncmp(text, where, n) == 0 && has_place(text + n)) {
    lua_pushlstring(L, text + n, size - n);
    lua_replace(L, idx);
  }
  lua_settop(L, idx);
}

int tls_error_handler (lua_State *L) {
  lua_settop(L, 1);
  if (tls_error_is_memory(L, 1))
    return 1;
  tls_error_push_text(L, 1);
  drop_our_place(L, 2);
  const char *stack = tls_error_is(L, 1) ? raw_text(L, 1, "stack") : NULL;
  if (stack == NULL)
    luaL_traceback(L, L, lua_tostring(L, 2), 1);
  else
    lua_pushfstring(L, "%s\n%s", lua_tostring(L, 2), stack);
  return 1;
}
