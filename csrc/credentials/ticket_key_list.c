/*
** ticket_key_list: see ticket_key_list.h.
*/
#include "ticket_key_list.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/crypto.h>

#include "engine/session_tickets.h"
#include "lua/owned_pointer.h"

static bool is_key (lua_State *L, int arg) {
  return lua_type(L, arg) == LUA_TSTRING &&
         lua_rawlen(L, arg) == TLS_TICKET_KEY_SIZE;
}

static int refuse (lua_State *L, int index) {
  lua_pushnil(L);
  lua_pushinteger(L, index);
  return 2;
}

/* The index of the first in the sequence at 1 that is not a key; 0: all
** are. */
static int find_wrong (lua_State *L, int count) {
  int i;
  for (i = 1; i <= count; i++) {
    lua_rawgeti(L, 1, i);
    bool good = is_key(L, -1);
    lua_pop(L, 1);
    if (!good)
      return i;
  }
  return 0;
}

static int join (lua_State *L, int count) {
  int i;
  size_t size = (size_t)count * TLS_TICKET_KEY_SIZE;
  unsigned char *joined = tls_push_buffer(L, size);
  for (i = 0; i < count; i++) {
    lua_rawgeti(L, 1, i + 1);
    memcpy(joined + (size_t)i * TLS_TICKET_KEY_SIZE, lua_tostring(L, -1),
           TLS_TICKET_KEY_SIZE);
    lua_pop(L, 1);
  }
  lua_pushlstring(L, (const char *)joined, size);
  OPENSSL_cleanse(joined, size);
  return 1;
}

static int join_sequence (lua_State *L) {
  int count = (int)lua_rawlen(L, 1), wrong = find_wrong(L, count);
  return count == 0 || wrong != 0 ? refuse(L, wrong) : join(L, count);
}

int tls_ticket_key_list_join (lua_State *L) {
  lua_settop(L, 1);
  if (lua_type(L, 1) == LUA_TTABLE)
    return join_sequence(L);
  return is_key(L, 1) ? 1 : refuse(L, 0);
}
