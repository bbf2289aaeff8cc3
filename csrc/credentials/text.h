/*
** text: a Lua string of PEM or DER on its way to OpenSSL.
*/
#ifndef tls_credentials_text_h
#define tls_credentials_text_h

#include "lua/compat.h"
#include "pem.h"

/* The string at 'arg', which keeps the bytes; throws when it is not a
** string. */
static inline struct tls_text tls_text_check (lua_State *L, int arg) {
  struct tls_text text;
  text.data = luaL_checklstring(L, arg, &text.size);
  return text;
}

#endif
