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

/* Copies the key at 'index' of the sequence at 1, if it is one. Nothing between
** the check and the copy allocates memory: a finalizer of the user's, which
** may change the sequence, cannot run there. [-0, +0] */
static bool copy_key (lua_State *L, int index, unsigned char *to) {
  lua_rawgeti(L, 1, index);
  bool good = is_key(L, -1);
  if (good)
    memcpy(to, lua_tostring(L, -1), TLS_TICKET_KEY_SIZE);
  lua_pop(L, 1);
  return good;
}

static int join_sequence (lua_State *L) {
  int i, count = (int)lua_rawlen(L, 1);
  if (count == 0)
    return refuse(L, 0);
  size_t size = (size_t)count * TLS_TICKET_KEY_SIZE;
  unsigned char *joined = tls_push_buffer(L, size);
  for (i = 0; i < count; i++) {
    if (!copy_key(L, i + 1, joined + (size_t)i * TLS_TICKET_KEY_SIZE)) {
      OPENSSL_cleanse(joined, size);
      return refuse(L, i + 1);
    }
  }
  lua_pushlstring(L, (const char *)joined, size);
  OPENSSL_cleanse(joined, size);
  return 1;
}

int tls_ticket_key_list_join (lua_State *L) {
  lua_settop(L, 1);
  if (lua_type(L, 1) == LUA_TTABLE)
    return join_sequence(L);
  return is_key(L, 1) ? 1 : refuse(L, 0);
}
