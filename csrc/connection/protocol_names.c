/*
** protocol_names: see protocol_names.h.
*/
#include "protocol_names.h"

#include "engine/protocol_list.h"

/* The string at 'arg', which keeps the bytes. */
static struct tls_piece string_at (lua_State *L, int arg) {
  struct tls_piece piece;
  piece.data = (const unsigned char *)lua_tolstring(L, arg, &piece.size);
  return piece;
}

static int refuse (lua_State *L, size_t where) {
  lua_pushnil(L);
  lua_pushinteger(L, (lua_Integer)where);
  return 2;
}

static int check_wire (lua_State *L) {
  struct tls_piece list = string_at(L, 1);
  size_t good = tls_protocols_good(list);
  if (good < list.size)
    return refuse(L, good);
  lua_settop(L, 1);
  return 1;
}

_Static_assert(LUAL_BUFFERSIZE > TLS_PROTOCOL_MAX,
               "a name and its length are written at once");

/* Read the name number 'i' of the table at index 1 into index 2, which keeps
** its bytes. False after the last. [-0, +0] */
static bool next_name (lua_State *L, int i) {
  lua_pushinteger(L, i);
  lua_gettable(L, 1);
  lua_replace(L, 2);
  return !lua_isnil(L, 2);
}

static int encode_names (lua_State *L) {
  int i;
  luaL_Buffer wire;
  lua_settop(L, 2);
  luaL_buffinit(L, &wire);
  for (i = 1; next_name(L, i); i++) {
    struct tls_piece name = {NULL, 0};
    if (lua_type(L, 2) == LUA_TSTRING)
      name = string_at(L, 2);
    if (!tls_protocol_fits(name.size))
      return refuse(L, (size_t)i);
    tls_protocol_write((unsigned char *)luaL_prepbuffer(&wire), name);
    luaL_addsize(&wire, name.size + 1);
  }
  luaL_pushresult(&wire);
  return 1;
}

int tls_protocol_names_encode (lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING)
    return check_wire(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  return encode_names(L);
}
