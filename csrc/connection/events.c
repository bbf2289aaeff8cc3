/*
** conn_emit: a connection's events enter Lua here, and nowhere else. Arguments
** are pushed inside the protected call, because pushing may throw.
*/
#include "events.h"

#include <string.h>

#include <openssl/crypto.h>

#include "lua/owned_pointer.h"
#include "negotiated.h"
#include "lua/lua_error.h"
#include "credentials/session_der.h"

struct emission {
  struct conn *conn;
  enum tls_handler which;
  const char *data; /* borrowed: a scratch buffer, or records */
  size_t size;
  int ref;     /* registry reference to a string in their place, or LUA_NOREF */
  bool pushed; /* the arguments have found memory; or nobody is left */
};

/* Push the Lua socket of 'c', or nil when it has been collected. [-0, +1] */
static void push_owner (lua_State *L, struct conn *c) {
  if (c->anchor != LUA_NOREF) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->anchor);
    int self = lua_gettop(L);
    tls_push_pin(L, self, TLS_PIN_SOCKET);
  } else {
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->env->owners);
    lua_rawgetp(L, -1, c);
  }
  lua_replace(L, -2);
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

/* The stapled response, or nil. [-0, +1] */
static void push_ocsp (lua_State *L, struct conn *c) {
  size_t n;
  const unsigned char *der = tls_engine_ocsp(c->engine, &n);
  lua_pushlstring(L, (const char *)der, n);
  if (der == NULL) {
    lua_pop(L, 1);
    lua_pushnil(L);
  }
}

/* [-0, +1] */
static void push_bytes (lua_State *L, const struct emission *e) {
  if (e->ref == LUA_NOREF)
    lua_pushlstring(L, e->data, e->size);
  else
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->ref);
}

/* The handshake that is told of, for the answer. [-0, +1] */
static void push_generation (lua_State *L, struct conn *c) {
  lua_pushinteger(L, (lua_Integer)tls_engine_generation(c->engine));
}

/* [-0, +n]; returns n. */
static int push_arguments (lua_State *L, const struct emission *e) {
  struct conn *c = e->conn;
  switch (e->which) {
    case TLS_ON_data:
    case TLS_ON_early:
    case TLS_ON_records: push_bytes(L, e); return 1;
    case TLS_ON_identity:
    case TLS_ON_renegotiated: push_generation(L, c); return 1;
    case TLS_ON_ocsp: push_ocsp(L, c); return 1;
    case TLS_ON_secure:
      push_generation(L, c);
      tls_conn_push_negotiated(L, c);
      return 4;
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

/* DER of a session holds its keys: nothing of it is left behind. [-0, +2] */
static void push_session (lua_State *L, SSL_SESSION *session) {
  unsigned n;
  const unsigned char *id = SSL_SESSION_get_id(session, &n);
  lua_pushlstring(L, (const char *)id, n);
  tls_session_push(L, session);
}

static int emit_session (lua_State *L) {
  struct conn *c = lua_touserdata(L, 1);
  luaL_checkstack(L, 8, "tls");
  struct tls_box *box = tls_session_box(L);
  box->p = tls_engine_take_session(c->engine);
  if (box->p == NULL)
    return 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->env->handlers[TLS_ON_session]);
  push_owner(L, c);
  if (lua_isnil(L, -1))
    return 0;
  push_session(L, box->p);
  tls_box_empty(box);
  lua_call(L, 3, 0);
  return 0;
}

static void drop_lines (void *lines) {
  OPENSSL_clear_free(lines, strlen(lines));
}

static int emit_keylog (lua_State *L) {
  struct conn *c = lua_touserdata(L, 1);
  luaL_checkstack(L, 8, "tls");
  struct tls_box *box = tls_box_push(L, drop_lines);
  box->p = tls_engine_take_keylog(c->engine);
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->env->handlers[TLS_ON_keylog]);
  push_owner(L, c);
  if (box->p == NULL || lua_isnil(L, -1))
    return 0;
  lua_pushstring(L, box->p);
  tls_box_empty(box);
  lua_call(L, 2, 0);
  return 0;
}

struct psk_question {
  struct conn *conn;
  const char *text; /* borrowed from OpenSSL, or NULL */
  size_t text_size;
  struct tls_psk_answer *answer;
  size_t size; /* of the key that was given */
};

/* Copy the string at 'idx' when it fits. */
static size_t take_string (lua_State *L, int idx, void *to, size_t room) {
  size_t n;
  const char *s = lua_tolstring(L, idx, &n);
  if (s == NULL || to == NULL || n > room)
    return 0;
  memcpy(to, s, n);
  return n;
}

static int ask_psk (lua_State *L) {
  struct psk_question *q = lua_touserdata(L, 1);
  struct tls_psk_answer *a = q->answer;
  luaL_checkstack(L, 8, "tls");
  lua_rawgeti(L, LUA_REGISTRYINDEX, q->conn->env->handlers[TLS_ON_psk]);
  push_owner(L, q->conn);
  if (lua_isnil(L, -1))
    return 0;
  if (q->text == NULL)
    lua_pushnil(L);
  else
    lua_pushlstring(L, q->text, q->text_size);
  lua_call(L, 2, 2);
  if (a->identity != NULL) {
    size_t n = take_string(L, -1, a->identity, a->identity_size - 1);
    a->identity[n] = '\0';
    if (n == 0)
      return 0;
  }
  q->size = take_string(L, -2, a->key, a->key_size);
  return 0;
}

unsigned tls_conn_emit_psk (struct conn *c, const char *text, size_t text_size,
                            struct tls_psk_answer *answer) {
  struct psk_question q = {c, text, text_size, answer, 0};
  if (!tls_port_keep(tls_engine_port(c->engine))) /* the loop may be run */
    return 0;
  tls_env_enter(c->env, ask_psk, &q);
  return (unsigned)q.size;
}

static int emit_protected (lua_State *L) {
  struct emission *e = lua_touserdata(L, 1);
  luaL_checkstack(L, 8, "tls");
  lua_rawgeti(L, LUA_REGISTRYINDEX, e->conn->env->handlers[e->which]);
  push_owner(L, e->conn);
  if (lua_isnil(L, -1)) { /* nobody is left to be told */
    e->pushed = true;
    return 0;
  }
  int n = push_arguments(L, e);
  e->pushed = true;
  lua_call(L, 1 + n, 0);
  return 0;
}

void tls_conn_emit (struct conn *c, enum tls_handler which) {
  struct emission e = {c, which, NULL, 0, LUA_NOREF, false};
  switch (which) {
    case TLS_ON_session: tls_env_enter(c->env, emit_session, c); return;
    case TLS_ON_keylog: tls_env_enter(c->env, emit_keylog, c); return;
    default: tls_env_enter(c->env, emit_protected, &e);
  }
}

bool tls_conn_emit_bytes (struct conn *c, enum tls_handler which,
                          const char *data, size_t size) {
  struct emission e = {c, which, data, size, LUA_NOREF, false};
  tls_env_enter(c->env, emit_protected, &e);
  return e.pushed || c->env->closing;
}

/* Through the door only because a string may find no memory. */
static int keep_protected (lua_State *L) {
  struct emission *e = lua_touserdata(L, 1);
  lua_pushlstring(L, e->data, e->size);
  e->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

int tls_conn_keep_bytes (struct conn *c, const char *data, size_t size) {
  struct emission e = {c, TLS_ON_data, data, size, LUA_NOREF, false};
  tls_env_enter(c->env, keep_protected, &e);
  return e.ref;
}

void tls_conn_emit_kept (struct conn *c, enum tls_handler which, int ref) {
  struct emission e = {c, which, NULL, 0, ref, false};
  if (!c->closed)
    tls_env_enter(c->env, emit_protected, &e);
  luaL_unref(c->env->main, LUA_REGISTRYINDEX, ref);
}
