/*
** events: a connection's events enter Lua, see events.h.
**
** The functions whose names end in _protected run inside a protected call: to
** push arguments may throw.
*/
#include "events.h"

#include <string.h>

#include <openssl/crypto.h>

#include "credentials/session_der.h"
#include "lua/lua_error.h"
#include "lua/owned_pointer.h"
#include "lua/table_fields.h"
#include "negotiated.h"

struct event {
  struct tls_connection *connection;
  enum tls_handler which;
  const char *data; /* borrowed: plaintext, or records */
  size_t size;
  int ref; /* registry reference to a string instead of them, or LUA_NOREF */
  bool pushed; /* the arguments are on the stack; or there is no socket */
  const struct tls_note *note; /* borrowed; of the event 'note' */
};

/* Push the Lua socket of 'c', or nil when it has been collected. A connection
** that is attached to a handle keeps its socket; one whose records Lua
** carries is kept by its socket. [-0, +1] */
static void push_socket (lua_State *L, struct tls_connection *c) {
  if (c->self_ref != LUA_NOREF) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->self_ref);
    int self = lua_gettop(L);
    tls_push_user_value(L, self, TLS_VALUE_SOCKET);
  } else {
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->lua->sockets);
    lua_rawgetp(L, -1, c);
  }
  lua_replace(L, -2);
}

/* Push a handler and its first argument, the socket. False, and with nil on
** top, when the socket has been collected. [-0, +2] */
static bool push_call (lua_State *L, struct tls_connection *c,
                       enum tls_handler which) {
  luaL_checkstack(L, 8, "tls");
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->lua->handlers[which]);
  push_socket(L, c);
  return !lua_isnil(L, -1);
}

static void push_io_error (lua_State *L, struct tls_connection *c) {
  struct tls_error e;
  const char *syscall =
      c->transport_failure == TLS_FAILURE_WRITE ? "write" : "read";
  char name[32], text[128];
  c->lua->uv.uv_err_name_r(c->io_error, name, sizeof name);
  c->lua->uv.uv_strerror_r(c->io_error, text, sizeof text);
  tls_error_set(&e, name, "");
  tls_push_error(L, &e);
  lua_pushfstring(L, "%s %s: %s", syscall, name, text);
  lua_setfield(L, -2, "message");
  tls_set_string(L, "syscall", syscall);
  tls_set_integer(L, "errno", c->io_error);
}

/* The stapled response, or nil. [-0, +1] */
static void push_ocsp (lua_State *L, struct tls_connection *c) {
  size_t n;
  const unsigned char *der = tls_engine_ocsp_response(c->engine, &n);
  lua_pushlstring(L, (const char *)der, n);
  if (der == NULL) {
    lua_pop(L, 1);
    lua_pushnil(L);
  }
}

/* The string of an event with bytes. [-0, +1] */
static void push_bytes (lua_State *L, const struct event *e) {
  if (e->ref == LUA_NOREF)
    lua_pushlstring(L, e->data, e->size);
  else
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->ref);
}

/* The number of the handshake that the event belongs to: Lua's answer has to
** bring it. [-0, +1] */
static void push_generation (lua_State *L, struct tls_connection *c) {
  lua_pushinteger(L, (lua_Integer)tls_engine_generation(c->engine));
}

/* Push whether it is an alert, whether this side has sent it, its number, and
** whether it is fatal. [-0, +4] */
static void push_note (lua_State *L, const struct tls_note *note) {
  lua_pushboolean(L, note->is_alert);
  lua_pushboolean(L, note->sent);
  lua_pushinteger(L, note->number);
  lua_pushboolean(L, note->fatal);
}

/* What the handler gets after the socket. [-0, +n]; returns n. */
static int push_arguments (lua_State *L, const struct event *e) {
  struct tls_connection *c = e->connection;
  switch (e->which) {
    case TLS_ON_data:
    case TLS_ON_earlyData:
    case TLS_ON_records: push_bytes(L, e); return 1;
    case TLS_ON_verify:
    case TLS_ON_renegotiated: push_generation(L, c); return 1;
    case TLS_ON_ocsp: push_ocsp(L, c); return 1;
    case TLS_ON_secure:
      push_generation(L, c);
      tls_connection_push_negotiated(L, c);
      return 4;
    case TLS_ON_note: push_note(L, e->note); return 4;
    case TLS_ON_reading: lua_pushboolean(L, c->reading); return 1;
    case TLS_ON_eof:
      lua_pushboolean(L, tls_engine_truncated(c->engine));
      return 1;
    case TLS_ON_error:
      if (tls_engine_failed(c->engine)) /* it knows more than libuv */
        tls_push_error(L, tls_engine_error(c->engine));
      else
        push_io_error(L, c);
      return 1;
    default: return 0;
  }
}

static int call_handler_protected (lua_State *L) {
  struct event *e = lua_touserdata(L, 1);
  bool wanted = push_call(L, e->connection, e->which);
  int n = wanted ? push_arguments(L, e) : 0;
  e->pushed = true;
  if (wanted)
    lua_call(L, 1 + n, 0);
  else if (e->which == TLS_ON_memoryOut)
    tls_throw_memory(L); /* nobody is left who could be told */
  return 0;
}

/* When there is no memory, in Lua or in OpenSSL, the connection ends with that:
** what has just been done for it may be half done. */
static void call (struct tls_connection *c, lua_CFunction fn, void *arg) {
  struct event e = {c, TLS_ON_memoryOut, NULL, 0, LUA_NOREF, false, NULL};
  bool out_of_memory = false;
  tls_lua_state_call(c->lua, fn, arg, &out_of_memory);
  if (out_of_memory)
    tls_lua_state_call(c->lua, call_handler_protected, &e, NULL);
}

/* Push the id and the DER of a session. The DER holds keys:
** tls_session_der_push() cleanses its buffer. [-0, +2] */
static void push_session (lua_State *L, SSL_SESSION *session) {
  unsigned n;
  const unsigned char *id = SSL_SESSION_get_id(session, &n);
  lua_pushlstring(L, (const char *)id, n);
  tls_session_der_push(L, session);
}

static int emit_session_protected (lua_State *L) {
  struct tls_connection *c = lua_touserdata(L, 1);
  struct tls_owned *session = tls_owned_push(L, tls_free_session);
  session->p = tls_engine_take_session(c->engine);
  if (session->p == NULL || !push_call(L, c, TLS_ON_session))
    return 0;
  push_session(L, session->p);
  tls_owned_free(session);
  lua_call(L, 3, 0);
  return 0;
}

static void free_lines (void *lines) {
  OPENSSL_clear_free(lines, strlen(lines));
}

static int emit_keylog_protected (lua_State *L) {
  struct tls_connection *c = lua_touserdata(L, 1);
  struct tls_owned *lines = tls_owned_push(L, free_lines);
  lines->p = tls_engine_take_keylog(c->engine);
  if (lines->p == NULL || !push_call(L, c, TLS_ON_keylog))
    return 0;
  lua_pushstring(L, lines->p);
  tls_owned_free(lines);
  lua_call(L, 2, 0);
  return 0;
}

struct psk_question {
  struct tls_connection *connection;
  const char *text; /* borrowed from OpenSSL, or NULL */
  size_t text_size;
  struct tls_psk_answer *answer;
  size_t size; /* of the key that was given */
};

/* Copy the string at 'idx'; returns its size. 0 when it is not a string, or
** too long. */
static size_t take_string (lua_State *L, int idx, void *to, size_t room) {
  size_t n;
  const char *s = lua_tolstring(L, idx, &n);
  if (s == NULL || to == NULL || n > room)
    return 0;
  memcpy(to, s, n);
  return n;
}

static int ask_psk_protected (lua_State *L) {
  struct psk_question *q = lua_touserdata(L, 1);
  struct tls_psk_answer *a = q->answer;
  if (!push_call(L, q->connection, TLS_ON_psk))
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

unsigned tls_connection_emit_psk (struct tls_connection *c, const char *text,
                                  size_t text_size,
                                  struct tls_psk_answer *answer) {
  struct psk_question q = {c, text, text_size, answer, 0};
  if (!tls_records_keep(
          tls_engine_records(c->engine))) /* Lua may run the loop */
    return 0;
  call(c, ask_psk_protected, &q);
  return (unsigned)q.size;
}

void tls_connection_emit (struct tls_connection *c, enum tls_handler which) {
  struct event e = {c, which, NULL, 0, LUA_NOREF, false, NULL};
  switch (which) {
    case TLS_ON_session: call(c, emit_session_protected, c); return;
    case TLS_ON_keylog: call(c, emit_keylog_protected, c); return;
    default: call(c, call_handler_protected, &e);
  }
}

bool tls_connection_emit_turn (struct tls_connection *c) {
  struct event e = {c, TLS_ON_turn, NULL, 0, LUA_NOREF, false, NULL};
  bool out_of_memory = false; /* then it does not wait */
  return tls_lua_state_call(c->lua, call_handler_protected, &e, &out_of_memory);
}

void tls_connection_emit_note (struct tls_connection *c,
                               const struct tls_note *note) {
  struct event e = {c, TLS_ON_note, NULL, 0, LUA_NOREF, false, note};
  call(c, call_handler_protected, &e);
}

bool tls_connection_emit_bytes (struct tls_connection *c,
                                enum tls_handler which, const char *data,
                                size_t size) {
  struct event e = {c, which, data, size, LUA_NOREF, false, NULL};
  call(c, call_handler_protected, &e);
  return e.pushed || c->lua->closing;
}

/* Protected only because there may be no memory for the string. */
static int make_string_protected (lua_State *L) {
  struct event *e = lua_touserdata(L, 1);
  lua_pushlstring(L, e->data, e->size);
  e->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

int tls_connection_keep_bytes (struct tls_connection *c, const char *data,
                               size_t size) {
  struct event e = {c, TLS_ON_data, data, size, LUA_NOREF, false, NULL};
  bool out_of_memory = false; /* the caller sees it */
  tls_lua_state_call(c->lua, make_string_protected, &e, &out_of_memory);
  return e.ref;
}

void tls_connection_emit_kept (struct tls_connection *c, enum tls_handler which,
                               int ref) {
  struct event e = {c, which, NULL, 0, ref, false, NULL};
  if (!tls_connection_is_closed(c))
    call(c, call_handler_protected, &e);
  luaL_unref(c->lua->main, LUA_REGISTRYINDEX, ref);
}
