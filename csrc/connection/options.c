/*
** options: a connection's options, see options.h.
*/
#include "options.h"

#include <string.h>

#include "away.h"
#include "engine/threads.h"

#define OPTIONS_T "tls.connection_options"

enum { VALUE_TABLE = 1 }; /* the user value */

/* Fields of the table at index 1, which keeps the strings. NULL or false when
** a field is not there. */
static const char *string_field (lua_State *L, const char *name, size_t *n) {
  lua_getfield(L, 1, name);
  const char *s =
      lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, n) : NULL;
  lua_pop(L, 1);
  return s;
}

static const unsigned char *bytes_field (lua_State *L, const char *name,
                                         size_t *n) {
  return (const unsigned char *)string_field(L, name, n);
}

static bool flag_field (lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  bool set = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return set;
}

static enum tls_ocsp_mode ocsp_field (lua_State *L) {
  const char *mode = string_field(L, "ocsp", NULL);
  if (mode == NULL)
    return TLS_OCSP_IGNORE;
  return strcmp(mode, "check") == 0 ? TLS_OCSP_CHECK : TLS_OCSP_REQUIRE;
}

static unsigned char threads_field (lua_State *L) {
  lua_getfield(L, 1, "threads");
  lua_Integer wanted = lua_tointeger(L, -1), most = tls_away_most();
  lua_pop(L, 1);
  if (wanted <= 0 || !tls_threads_allow())
    return 0;
  return (unsigned char)(wanted < most ? wanted : most);
}

static void read_options (lua_State *L, struct tls_connection_options *t) {
  struct tls_engine_options *o = &t->engine;
  o->server = flag_field(L, "server");
  o->request_cert = flag_field(L, "requestCert");
  o->reject_unauthorized = flag_field(L, "rejectUnauthorized");
  o->ask_client_hello = flag_field(L, "askClientHello");
  o->ask_verify = flag_field(L, "askVerify");
  o->request_ocsp = flag_field(L, "requestOCSP");
  o->ocsp = ocsp_field(L);
  o->want_sessions = flag_field(L, "sessions");
  o->want_keylog = flag_field(L, "keylog");
  o->read_early_data = flag_field(L, "readEarlyData");
  o->servername = string_field(L, "servername", NULL);
  o->alpn = bytes_field(L, "alpn", &o->alpn_size);
  o->npn = bytes_field(L, "npn", &o->npn_size);
  o->early_data = bytes_field(L, "earlyData", &o->early_data_size);
  o->ech_config = bytes_field(L, "echConfig", &o->ech_config_size);
  o->ech_outer_name = string_field(L, "echOuterName", NULL);
  o->ech_grease = flag_field(L, "echGrease");
  o->psk_hint = string_field(L, "pskHint", NULL);
  t->psk = flag_field(L, "psk");
  t->threads = threads_field(L);
  t->session = string_field(L, "session", NULL) != NULL;
}

int tls_connection_options_new (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct tls_connection_options *t = lua_newuserdatauv(L, sizeof *t, 1);
  memset(t, 0, sizeof *t);
  luaL_setmetatable(L, OPTIONS_T);
  tls_new_user_values(L, 2);
  lua_pushvalue(L, 1);
  tls_set_user_value(L, 2, VALUE_TABLE);
  read_options(L, t);
  return 1;
}

const struct tls_connection_options *tls_connection_options_check (lua_State *L,
                                                                   int arg) {
  return luaL_checkudata(L, arg, OPTIONS_T);
}

void tls_connection_options_push_table (lua_State *L, int arg) {
  tls_push_user_value(L, arg, VALUE_TABLE);
}

void tls_connection_options_open (lua_State *L) {
  luaL_newmetatable(L, OPTIONS_T);
  lua_pop(L, 1);
}
