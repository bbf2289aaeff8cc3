/*
** conn_terms: the terms of connections as a userdata, see conn_terms.h.
*/
#include "options.h"

#include <string.h>

#define OPTIONS_T "tls.connection_options"

enum { PIN_TABLE = 1 };

/* The options are at index 1; what is looked up stays theirs. */
static const char *string (lua_State *L, const char *name, size_t *n) {
  lua_getfield(L, 1, name);
  const char *s =
      lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, n) : NULL;
  lua_pop(L, 1);
  return s;
}

static const unsigned char *bytes (lua_State *L, const char *name, size_t *n) {
  return (const unsigned char *)string(L, name, n);
}

static bool flag (lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  bool set = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return set;
}

static void read_options (lua_State *L, struct tls_connection_options *t) {
  struct tls_engine_options *o = &t->engine;
  o->server = flag(L, "server");
  o->request_cert = flag(L, "requestCert");
  o->reject_unauthorized = flag(L, "rejectUnauthorized");
  o->ask_hello = flag(L, "askHello");
  o->ask_verify = flag(L, "askVerify");
  o->ask_ocsp = flag(L, "requestOCSP");
  o->want_sessions = flag(L, "sessions");
  o->want_keylog = flag(L, "keylog");
  o->want_early = flag(L, "early");
  o->servername = string(L, "servername", NULL);
  o->alpn = bytes(L, "alpn", &o->alpn_size);
  o->npn = bytes(L, "npn", &o->npn_size);
  o->early_data = bytes(L, "earlyData", &o->early_size);
  o->psk_hint = string(L, "pskHint", NULL);
  t->psk = flag(L, "psk");
  t->session = string(L, "session", NULL) != NULL;
}

int tls_connection_options_new (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct tls_connection_options *t = lua_newuserdatauv(L, sizeof *t, 1);
  memset(t, 0, sizeof *t);
  luaL_setmetatable(L, OPTIONS_T);
  tls_new_user_values(L, 2);
  lua_pushvalue(L, 1);
  tls_set_user_value(L, 2, PIN_TABLE);
  read_options(L, t);
  return 1;
}

const struct tls_connection_options *tls_connection_options_check (lua_State *L,
                                                                   int arg) {
  return luaL_checkudata(L, arg, OPTIONS_T);
}

void tls_connection_options_push_table (lua_State *L, int arg) {
  tls_push_user_value(L, arg, PIN_TABLE);
}

void tls_connection_options_open (lua_State *L) {
  luaL_newmetatable(L, OPTIONS_T);
  lua_pop(L, 1);
}
