/*
** lua_error: errors as Lua tables, see lua_error.h.
*/
#include "lua_error.h"

#include <openssl/err.h>

#include "error_place.h"
#include "table_fields.h"

static void set_text (lua_State *L, const char *name, const char *text) {
  tls_set_string(L, name, *text == '\0' ? NULL : text);
}

/* opensslErrorStack, when OpenSSL had more to say than the cause.
** Stack: the error on top. [-0, +0] */
static void set_stack (lua_State *L, const struct tls_error *e) {
  char text[256];
  size_t i;
  if (e->stack_size == 0)
    return;
  lua_createtable(L, (int)e->stack_size, 0);
  for (i = 0; i < e->stack_size; i++) {
    tls_error_entry_text(e->stack[i], text, sizeof text);
    lua_pushstring(L, text);
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_setfield(L, -2, "opensslErrorStack");
}

static void set_alert (lua_State *L, const struct tls_error *e) {
  if (*e->alert == '\0')
    return;
  tls_set_string(L, "alert", e->alert);
  tls_set_string(L, "alertDirection", e->alert_sent ? "sent" : "received");
}

void tls_push_error (lua_State *L, const struct tls_error *e) {
  lua_createtable(L, 0, 4);
  luaL_setmetatable(L, TLS_ERROR_T);
  set_text(L, "message", e->message);
  set_text(L, "code", e->code);
  set_text(L, "library", e->library);
  set_text(L, "reason", e->reason);
  set_alert(L, e);
  set_stack(L, e);
}

int tls_throw (lua_State *L, const struct tls_error *e) {
  tls_push_error(L, e);
  tls_error_place_add(L);
  return lua_error(L);
}

int tls_throw_memory (lua_State *L) {
  struct tls_error e;
  ERR_clear_error();
  tls_error_set(&e, TLS_NO_MEMORY, TLS_NO_MEMORY_TEXT);
  return tls_throw(L, &e);
}

void tls_accept_failure (lua_State *L) {
  if (tls_error_drop_queue())
    tls_throw_memory(L);
}

int tls_throw_openssl (lua_State *L, const char *code, const char *message) {
  struct tls_error e;
  tls_error_from_queue(&e, code, message);
  return tls_throw(L, &e);
}

void tls_require (lua_State *L, bool ok) {
  if (!ok)
    tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                      "OpenSSL refused the option");
}

int tls_return_openssl (lua_State *L, const char *code, const char *message) {
  struct tls_error e;
  tls_error_from_queue(&e, code, message);
  lua_pushnil(L);
  tls_push_error(L, &e);
  return 2;
}
