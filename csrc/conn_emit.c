/*
** conn_emit: a connection's events enter Lua here, and nowhere else. Arguments
** are pushed inside the protected call, because pushing may throw.
*/
#include <string.h>

#include "conn_state.h"
#include "push.h"

struct emission {
  struct conn *conn;
  enum tls_handler which;
  const char *data; /* borrowed: the scratch buffer, or the flight */
  size_t size;
};

/* Push the Lua socket of 'c', or nil when it has been collected. [-0, +1] */
static void push_owner (lua_State *L, struct conn *c) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->env->owners);
  lua_rawgetp(L, -1, c);
  lua_remove(L, -2);
}

static void push_io_error (lua_State *L, struct conn *c) {
  struct tls_error e;
  const char *syscall = c->write_failed ? "write" : "read";
  char name[32], text[128];
  c->env->uv.uv_err_name_r(c->io_error, name, sizeof name);
  c->env->uv.uv_strerror_r(c->io_error, text, sizeof text);
  tls_error_set(&e, name, "");
  tls_push_error(L, &e);
  lua_pushfstring(L, "%s %s: %s", syscall, name, text);
  lua_setfield(L, -2, "message");
  lua_pushstring(L, syscall);
  lua_setfield(L, -2, "syscall");
  lua_pushinteger(L, c->io_error);
  lua_setfield(L, -2, "errno");
}

/* [-0, +n]; returns n. */
static int push_arguments (lua_State *L, const struct emission *e) {
  struct conn *c = e->conn;
  switch (e->which) {
    case TLS_ON_data:
    case TLS_ON_records: lua_pushlstring(L, e->data, e->size); return 1;
    case TLS_ON_reading: lua_pushboolean(L, c->reading); return 1;
    case TLS_ON_eof:
      lua_pushboolean(L, tls_engine_truncated(c->engine));
      return 1;
    case TLS_ON_error:
      if (tls_engine_failed(c->engine)) /* it knows more than a reset tells */
        tls_push_error(L, tls_engine_error(c->engine));
      else
        push_io_error(L, c);
      return 1;
    default: return 0;
  }
}

static int emit_protected (lua_State *L) {
  const struct emission *e = lua_touserdata(L, 1);
  luaL_checkstack(L, 6, "tls");
  lua_rawgeti(L, LUA_REGISTRYINDEX, e->conn->env->handlers[e->which]);
  push_owner(L, e->conn);
  if (lua_isnil(L, -1)) /* nobody is left to be told */
    return 0;
  lua_call(L, 1 + push_arguments(L, e), 0);
  return 0;
}

void tls_conn_emit (struct conn *c, enum tls_handler which) {
  struct emission e = {c, which, NULL, 0};
  tls_env_enter(c->env, emit_protected, &e);
}

void tls_conn_emit_data (struct conn *c, const char *data, size_t size) {
  struct emission e = {c, TLS_ON_data, data, size};
  tls_env_enter(c->env, emit_protected, &e);
}

void tls_conn_emit_records (struct conn *c, const char *data, size_t size) {
  struct emission e = {c, TLS_ON_records, data, size};
  tls_env_enter(c->env, emit_protected, &e);
}
