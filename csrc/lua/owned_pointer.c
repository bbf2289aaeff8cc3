/*
** box: a userdata that owns one OpenSSL object while Lua may throw.
*/
#include "owned_pointer.h"

#define BOX_T "tls.box"

void tls_box_empty (struct tls_box *box) {
  void *p = box->p;
  box->p = NULL;
  if (p != NULL)
    box->drop(p);
}

/* Reached through __gc only: nobody outside C ever holds a box. */
static int collect (lua_State *L) {
  tls_box_empty(luaL_checkudata(L, 1, BOX_T));
  return 0;
}

struct tls_box *tls_box_push (lua_State *L, void (*drop)(void *)) {
  struct tls_box *box = lua_newuserdatauv(L, sizeof *box, 0);
  box->p = NULL;
  box->drop = drop;
  if (luaL_newmetatable(L, BOX_T)) {
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return box;
}

unsigned char *tls_box_buffer (lua_State *L, size_t size) {
  return lua_newuserdatauv(L, size > 0 ? size : 1, 0);
}
