/*
** methods: a connection as Lua sees it, see methods.h.
**
** Only the drive loop calls handlers. What else runs OpenSSL may call the one
** for pre-shared keys; after it the code looks whether the connection has been
** closed. A method that leaves work for the drive loop returns
** needsDrive: true when Lua has to call conn:drive() from a callback of its
** own.
*/
#include "methods.h"

#include <string.h>

#include "away.h"
#include "commands.h"
#include "connection.h"
#include "credentials/secure_context.h"
#include "credentials/session_der.h"
#include "drive.h"
#include "events.h"
#include "handshake_turns.h"
#include "lua/lua_error.h"
#include "lua/table_fields.h"
#include "options.h"
#include "queries.h"
#include "read.h"
#include "write.h"

/* When Lua carries the records, events find the socket by the connection in a
** table of weak values. */
static void remember_socket (lua_State *L, struct tls_connection *c) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->lua->sockets);
  lua_pushvalue(L, 2);
  lua_rawsetp(L, -2, c);
}

/* conn:start(socket, handle|nil) -> needsDrive: the handshake begins with the
** next drive, over luv's handle if there is one. A server on a handle only
** starts reading: the client speaks first. */
static int conn_start (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  if (c == NULL || c->life != TLS_LIFE_NEW) {
    tls_lua_state_check_alive(L); /* closed by its finalizer */
    return luaL_error(L, "connection is closed or has been started");
  }
  if (lua_isnil(L, 3))
    remember_socket(L, c);
  else
    tls_connection_attach(L, c);
  c->life = TLS_LIFE_STARTED;
  if (c->handle != NULL && SSL_is_server(tls_engine_ssl(c->engine)))
    tls_connection_update_reading(c);
  if (c->reading)
    return 0;
  return tls_connection_push_needs_drive(L, c);
}

/* NULL when there is nothing to drive. What is away is not called back for
** this: it is driven when it comes. */
static struct tls_connection *check_driven (lua_State *L) {
  struct tls_connection *c = tls_connection_check(L);
  return tls_connection_is_closed(c) || c->engine == NULL ? NULL : c;
}

static int conn_drive (lua_State *L) {
  struct tls_connection *c = check_driven(L);
  if (c != NULL)
    tls_connection_drive(c);
  return 0;
}

/* conn:takeTurn() -> boolean: the step of the handshake that waits; is there
** budget left for others? */
static int conn_take_turn (lua_State *L) {
  struct tls_connection *c = check_driven(L);
  lua_pushboolean(L, c == NULL || tls_handshake_turns_take(c));
  return 1;
}

/* conn:write(data) -> unsent, full, needsDrive. When it is full, no more may
** be written until 'written'. Only 0 when Lua has closed the connection
** meanwhile, in the callback for a pre-shared key. */
static int conn_write (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  size_t n;
  const char *data = luaL_checklstring(L, 2, &n);
  if (c == NULL || c->pending != NULL) {
    tls_lua_state_check_alive(L); /* closed by its finalizer */
    return luaL_error(L, "connection is closed or full");
  }
  size_t done = tls_connection_encrypt(c, data, n);
  if (tls_connection_closed_meanwhile(c)) {
    lua_pushinteger(L, 0);
    return 1;
  }
  if (done < n) {
    lua_pushvalue(L, 2);
    c->pending_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    c->pending = data + done;
    c->pending_size = n - done;
  }
  lua_pushinteger(L, (lua_Integer)tls_connection_unsent(c));
  lua_pushboolean(L, c->pending != NULL);
  tls_connection_push_needs_drive(L, c);
  return 3;
}

/* conn:notify() -> needsDrive: emit 'written' once all has been sent. */
static int conn_notify (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c == NULL)
    return 0;
  c->written_wanted = true;
  return tls_connection_push_needs_drive(L, c);
}

static int conn_unsent (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  lua_pushinteger(L, c == NULL ? 0 : (lua_Integer)tls_connection_unsent(c));
  return 1;
}

/* conn:setReading(boolean) -> needsDrive: whether Lua wants data. */
static int conn_set_reading (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  luaL_checktype(L, 2, LUA_TBOOLEAN);
  if (c == NULL)
    return 0;
  bool paused = !lua_toboolean(L, 2);
  if (c->paused == paused)
    return 0;
  c->paused = paused;
  if (!c->driving && c->handle != NULL)
    tls_connection_update_reading(c);
  if (paused && c->handle != NULL && c->transport_failure == TLS_FAILURE_NONE)
    return 0;
  return tls_connection_push_needs_drive(L, c); /* unread bytes may wait */
}

/* conn:shutdown() -> needsDrive: send close_notify after all that was
** written, and emit 'written' when it has left. */
static int conn_shutdown (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c == NULL)
    return 0;
  tls_engine_shutdown(c->engine);
  if (tls_connection_closed_meanwhile(c))
    return 0;
  c->written_wanted = true;
  return tls_connection_push_needs_drive(L, c);
}

/* conn:feed(records|nil) -> needsDrive: records that libuv has not read for
** us, because Lua carries the records or read them before the handle was
** attached; nil when there are no more. */
static int conn_feed (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  size_t n = 0;
  const char *data = luaL_optlstring(L, 2, NULL, &n);
  if (c == NULL)
    return 0;
  struct tls_records *records = tls_engine_records(c->engine);
  if (data == NULL)
    records->eof = true;
  else if (!tls_records_keep(records) || !tls_records_feed(records, data, n) ||
           !tls_records_keep(records)) /* after what is there already */
    return tls_throw_memory(L);
  return tls_connection_push_needs_drive(L, c);
}

/* conn:sent() -> needsDrive: the records of the last 'records' have left. */
static int conn_sent (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c == NULL || c->output != TLS_OUTPUT_WITH_LUA)
    return 0;
  c->output = TLS_OUTPUT_IDLE;
  if (tls_connection_queued(c) == 0)
    c->unsent = 0;
  return tls_connection_push_needs_drive(L, c);
}

/* The records that were written in this turn, when Lua has to send them; else
** nil. [-0, +1] */
static void push_last_records (lua_State *L, struct tls_connection *c) {
  struct tls_byte_queue *out = &tls_engine_records(c->engine)->out;
  bool rest = c->handle == NULL && c->output == TLS_OUTPUT_IDLE &&
              tls_engine_writable(c->engine) && tls_byte_queue_size(out) > 0;
  if (rest)
    lua_pushlstring(L, tls_byte_queue_peek(out), tls_byte_queue_size(out));
  else
    lua_pushnil(L);
}

/* conn:close() -> records to send before the transport is closed, or nil.
** Leaves the handle, which Lua closes next. May be called again. */
static int conn_close (lua_State *L) {
  struct tls_connection *c = tls_connection_check(L);
  if (tls_connection_is_closed(c))
    return 0;
  tls_away_leave(c);
  push_last_records(L, c);
  tls_connection_send_last(c);
  c->life = TLS_LIFE_CLOSED;
  tls_connection_detach(c);
  tls_connection_drop_pending(c);
  tls_connection_release(c);
  return 1;
}

static unsigned psk_server (void *arg, const char *identity,
                            size_t identity_size, unsigned char *psk,
                            unsigned size) {
  struct tls_psk_answer answer = {NULL, 0, psk, size};
  return tls_connection_emit_psk(arg, identity, identity_size, &answer);
}

static unsigned psk_client (void *arg, const char *hint, char *identity,
                            unsigned identity_size, unsigned char *psk,
                            unsigned size) {
  struct tls_psk_answer answer = {identity, identity_size, psk, size};
  return tls_connection_emit_psk(arg, hint, hint == NULL ? 0 : strlen(hint),
                                 &answer);
}

static void set_psk (struct tls_connection *c, struct tls_engine_options *o) {
  o->psk.arg = c;
  if (o->server)
    o->psk.server = psk_server;
  else
    o->psk.client = psk_client;
}

/* Push the owner of the session in the options at index 2, if there is one. A
** session that cannot be read is left out: the handshake is a full one
** then. */
static void read_session (lua_State *L, struct tls_engine_options *o) {
  tls_connection_options_push_table(L, 2);
  lua_getfield(L, -1, "session");
  o->session = tls_session_der_read(L, lua_gettop(L));
}

int tls_connection_new (lua_State *L) {
  struct tls_lua_state *state = tls_lua_state_get(L);
  tls_lua_state_check_alive(L);
  SSL_CTX *ctx = tls_secure_context_check(L, 1);
  const struct tls_connection_options *options =
      tls_connection_options_check(L, 2);
  struct tls_engine_options o = options->engine;
  o.ctx = ctx;
  o.method = state->bio_method;
  o.pool = &state->pool;
  if (!o.server || o.request_cert)
    tls_secure_context_need_anchors(L, 1);
  if (options->session)
    read_session(L, &o);
  struct tls_connection *c = tls_connection_push_new(L, state);
  c->drive = tls_connection_drive;
  c->threads = options->threads;
  if (options->psk)
    set_psk(c, &o);
  c->engine = tls_engine_new(&o);
  if (c->engine == NULL)
    return tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                             "cannot make a TLS connection");
  return 1;
}

static const luaL_Reg methods[] = {{"start", conn_start},
                                   {"drive", conn_drive},
                                   {"takeTurn", conn_take_turn},
                                   {"write", conn_write},
                                   {"notify", conn_notify},
                                   {"unsent", conn_unsent},
                                   {"setReading", conn_set_reading},
                                   {"shutdown", conn_shutdown},
                                   {"feed", conn_feed},
                                   {"sent", conn_sent},
                                   {"close", conn_close},
                                   {NULL, NULL}};

/* Stack: the metatable, the table of methods. [-0, +0] */
static void add_methods (lua_State *L, const luaL_Reg *list) {
  lua_pushvalue(L, -2);
  luaL_setfuncs(L, list, 1);
}

void tls_connection_open (lua_State *L) {
  luaL_newmetatable(L, TLS_CONNECTION_T);
  tls_set_function(L, "__gc", tls_connection_gc);
  lua_newtable(L);
  add_methods(L, methods);
  tls_connection_add_queries(L);
  add_methods(L, tls_connection_commands);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  tls_connection_options_open(L);
}
