/*
** conn: an engine on one of luv's streams; the drive loop. See conn.h.
**
** Whatever happens (bytes arrived, a write finished, Lua wrote, Lua answered)
** ends in tls_conn_drive(). Methods called from Lua never enter Lua again:
** they return true when they want to be driven, and Lua calls drive() from a
** fresh turn of the loop.
*/
#include "conn.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>

#include "conn_state.h"
#include "context.h"
#include "push.h"

/* Output gathered before a system call, and the most that is encrypted ahead
** of the socket. 64 KiB is where gathering stops to gain. */
#define GATHER (64 * 1024)

/* The most that one turn encrypts of a long string: a fast reader must not let
** one writer hold the loop. */
#define TURN (1024 * 1024)

/* The uv_write_t, whose size only libuv knows, lies behind the conn. */
#define REQ_OFFSET ((sizeof(struct conn) + 15) / 16 * 16)

static void *request (struct conn *c) {
  return (char *)c + REQ_OFFSET;
}

static struct conn *of_request (void *req) {
  return (struct conn *)(void *)((char *)req - REQ_OFFSET);
}

static struct tls_luv_handle *luv_part (struct tls_uv_handle *stream) {
  return stream->data;
}

/* NULL when the conn has left the handle. */
static struct conn *of_stream (struct tls_uv_handle *stream) {
  return luv_part(stream)->extra;
}

/* === lifetime ========================================================== */

static void drop_held (struct conn *c) {
  if (c->held == NULL)
    return;
  luaL_unref(c->env->main, LUA_REGISTRYINDEX, c->held_ref);
  c->held = NULL;
  c->held_size = 0;
}

/* Nothing of ours runs on OpenSSL's or libuv's stack any more. Does not throw:
** luaL_unref never does. */
static void release (struct conn *c) {
  if (c->writing || c->driving || !c->closed)
    return;
  tls_bytes_clear(&c->flight);
  tls_engine_free(c->engine);
  c->engine = NULL;
  luaL_unref(c->env->main, LUA_REGISTRYINDEX, c->anchor);
  c->anchor = LUA_NOREF;
}

static void stop_reading (struct conn *c) {
  if (c->reading && c->stream != NULL)
    c->env->uv.uv_read_stop(c->stream);
  c->reading = false;
}

static void detach (struct conn *c) {
  if (c->stream == NULL)
    return;
  stop_reading(c);
  luv_part(c->stream)->extra = NULL;
  c->stream = NULL;
}

/* The collector only gets here when nothing is in flight, or in lua_close:
** then a write may still be, and its callback will find env->closing. It
** touches memory alone: reading has been stopped, or luv's loop closes the
** handle without calling back. */
static int conn_gc (lua_State *L) {
  struct conn *c = luaL_checkudata(L, 1, CONN_T);
  detach(c);
  c->closed = true;
  c->writing = false;
  drop_held(c);
  tls_bytes_clear(&c->flight);
  tls_engine_free(c->engine);
  c->engine = NULL;
  return 0;
}

struct conn *tls_conn_check (lua_State *L) {
  return luaL_checkudata(L, 1, CONN_T);
}

struct conn *tls_conn_check_open (lua_State *L) {
  struct conn *c = luaL_checkudata(L, 1, CONN_T);
  return c->closed || c->engine == NULL ? NULL : c;
}

/* === writing =========================================================== */

static void on_written (void *req, int status);

/* When a write fails, the peer has reset the connection; why, its alert may
** say, which is still to be read: reading goes on until it ends. */
static void transport_failed (struct conn *c, int status, bool writing) {
  if (c->io_error == 0) {
    c->io_error = status;
    c->write_failed = writing;
  }
  if (!writing || c->env->uv.uv_is_closing(c->stream))
    stop_reading(c); /* nothing will come any more */
}

static bool awaiting_reason (const struct conn *c) {
  return c->io_error != 0 && c->write_failed && c->reading;
}

static size_t gathered (const struct conn *c) {
  return tls_bytes_size(&tls_engine_port(c->engine)->out);
}

/* What the kernel did not take at once stays in 'flight' until libuv has
** written it; meanwhile records gather in a fresh out queue. */
static void start_write (struct conn *c, struct tls_bytes *out) {
  struct tls_uv_buf buf;
  tls_bytes_move(&c->flight, out);
  buf.base = (char *)tls_bytes_peek(&c->flight);
  buf.len = tls_bytes_size(&c->flight);
  int r = c->env->uv.uv_write(request(c), c->stream, &buf, 1, on_written);
  if (r < 0) {
    tls_bytes_clear(&c->flight);
    transport_failed(c, r, true);
    return;
  }
  c->writing = true;
}

/* uv_try_write first: it saves the queueing and the turn of the loop. */
static void flush (struct conn *c) {
  struct tls_bytes *out = &tls_engine_port(c->engine)->out;
  struct tls_uv_buf buf;
  if (c->stream == NULL || c->writing || c->io_error != 0)
    return; /* without a stream, emit_records() sends */
  if (tls_bytes_size(out) > 0) {
    if (c->env->uv.uv_is_closing(c->stream)) { /* somebody else did that */
      transport_failed(c, -ECANCELED, true);
      return;
    }
    buf.base = (char *)tls_bytes_peek(out);
    buf.len = tls_bytes_size(out);
    int n = c->env->uv.uv_try_write(c->stream, &buf, 1);
    if (n > 0)
      tls_bytes_consume(out, (size_t)n);
    else if (n != -EAGAIN && n < 0)
      transport_failed(c, n, true);
  }
  if (tls_bytes_size(out) == 0)
    c->unsent = 0;
  else if (c->io_error == 0)
    start_write(c, out);
}

/* Encrypt from 'data', flushing whenever enough has gathered. Returns how much
** was taken: less than 'n' when the socket is full or the turn is over. */
static size_t pump (struct conn *c, const char *data, size_t n) {
  size_t done = 0, taken;
  do {
    taken = tls_engine_write(c->engine, data + done, n - done, GATHER);
    done += taken;
    c->unsent += taken;
    if (gathered(c) >= GATHER)
      flush(c);
  } while (taken > 0 && done < n && done < TURN && gathered(c) < GATHER &&
           !c->writing);
  return done;
}

static void pump_held (struct conn *c) {
  if (c->held == NULL || c->writing)
    return;
  size_t done = pump(c, c->held, c->held_size);
  c->held += done;
  c->held_size -= done;
  if (c->held_size == 0)
    drop_held(c);
}

static size_t unsent (const struct conn *c) {
  return c->unsent + c->held_size;
}

static bool all_sent (const struct conn *c) {
  return unsent(c) == 0 && !c->writing && gathered(c) == 0;
}

static void on_written (void *req, int status) {
  struct conn *c = of_request(req);
  c->writing = false;
  if (c->env->closing) /* lua_close: the finalizer has freed the rest */
    return;
  tls_bytes_clear(&c->flight);
  if (c->closed) {
    release(c);
    return;
  }
  if (status < 0)
    transport_failed(c, status, true);
  tls_conn_drive(c);
}

/* === reading =========================================================== */

static void on_alloc (struct tls_uv_handle *stream, size_t hint,
                      struct tls_uv_buf *buf) {
  struct conn *c = of_stream(stream);
  (void)hint;
  buf->base = c == NULL ? NULL : c->env->in;
  buf->len = c == NULL ? 0 : sizeof c->env->in;
}

static void received (struct conn *c, const char *data, size_t n) {
  struct tls_port *port = tls_engine_port(c->engine);
  if (!tls_port_feed(port, data, n))
    transport_failed(c, -ENOMEM, false);
  tls_conn_drive(c);
}

static void on_read (struct tls_uv_handle *stream, ssize_t n,
                     const struct tls_uv_buf *buf) {
  struct conn *c = of_stream(stream);
  if (n == 0 || c == NULL || c->closed) /* 0 is EAGAIN, not the end */
    return;
  if (n > 0) {
    received(c, buf->base, (size_t)n);
    return;
  }
  if (n == TLS_UV_EOF)
    tls_engine_port(c->engine)->eof = true;
  else
    transport_failed(c, (int)n, false);
  stop_reading(c);
  tls_conn_drive(c);
}

/* Read on only when all that came has been read: while the handshake is
** suspended, the gate shut or Lua pausing, the peer waits in its own TCP
** window and cannot fill our memory. */
static void update_reading (struct conn *c) {
  struct tls_port *port = tls_engine_port(c->engine);
  bool secure = tls_engine_secure(c->engine);
  bool alive = c->io_error == 0 || awaiting_reason(c);
  bool want = c->started && alive && !port->eof &&
              !tls_engine_failed(c->engine) && !tls_engine_ended(c->engine) &&
              tls_port_unread(port) == 0 && !(secure && c->paused);
  if (want == c->reading)
    return;
  if (c->stream == NULL) {
    c->reading = want;
    tls_conn_emit(c, TLS_ON_reading);
    return;
  }
  if (!want) {
    stop_reading(c);
    return;
  }
  int r = c->env->uv.uv_read_start(c->stream, on_alloc, on_read);
  if (r < 0)
    transport_failed(c, r, false);
  c->reading = r == 0;
}

/* === the drive loop ==================================================== */

static void emit_event (struct conn *c, unsigned event,
                        enum tls_handler which) {
  if (c->closed || c->dead || (c->events & event) == 0)
    return;
  c->events &= ~event;
  tls_conn_emit(c, which);
}

/* Data received before a reset is delivered first, however long that takes. */
static void emit_failure (struct conn *c) {
  bool failed = (c->events & TLS_EV_ERROR) != 0;
  if (c->io_error != 0 && !failed && !awaiting_reason(c))
    failed = !c->paused || tls_port_unread(tls_engine_port(c->engine)) == 0;
  if (!failed || c->closed || c->dead)
    return;
  c->dead = true;
  tls_conn_emit(c, TLS_ON_error);
}

/* At most once in a drive: a writer that refills on 'drain' goes on in the
** next turn of the loop. */
static void emit_written (struct conn *c) {
  if (c->closed || c->dead || !c->notify || c->notified || !all_sent(c))
    return;
  c->notify = false;
  c->notified = true;
  tls_conn_emit(c, TLS_ON_written);
}

/* A transport of Lua's takes one string at a time and calls sent() for it. */
static void emit_records (struct conn *c) {
  struct tls_bytes *out = &tls_engine_port(c->engine)->out;
  size_t n = tls_bytes_size(out);
  if (c->stream != NULL || !c->started || c->closed || c->writing || n == 0)
    return;
  tls_bytes_move(&c->flight, out);
  c->writing = true;
  tls_conn_emit_records(c, tls_bytes_peek(&c->flight), n);
  tls_bytes_clear(&c->flight);
}

static void step (struct conn *c) {
  size_t got;
  size_t room = c->paused ? 0 : sizeof c->env->out;
  c->events |= tls_engine_step(c->engine, c->env->out, room, &got);
  if (got > 0)
    tls_conn_emit_data(c, c->env->out, got);
  if (room > 0 && got == room)
    c->again = true;
}

static void drive_round (struct conn *c) {
  step(c);
  emit_event(c, TLS_EV_IDENTITY, TLS_ON_identity);
  emit_event(c, TLS_EV_SECURE, TLS_ON_secure);
  if (c->closed)
    return;
  pump_held(c);
  flush(c); /* an alert leaves before its error is told */
  emit_records(c);
  if (!c->again)
    emit_event(c, TLS_EV_EOF, TLS_ON_eof);
  if (!c->again)
    emit_failure(c);
  emit_written(c);
}

/* Is there work left that no callback of libuv's will bring us back to? */
static bool unfinished (const struct conn *c) {
  if (c->dead || c->io_error != 0 || c->writing)
    return false;
  if (c->notify && all_sent(c)) /* told once already: not in this turn */
    return true;
  return c->held != NULL && gathered(c) < GATHER &&
         tls_engine_writable(c->engine);
}

/* Come back in the next turn, after the others. */
static void ask_to_go_on (struct conn *c) {
  if (c->poked || !unfinished(c))
    return;
  c->poked = true;
  tls_conn_emit(c, TLS_ON_poke);
}

/* What was fed is only lent: keep the rest, and read on when there is none. */
static void settle (struct conn *c) {
  if (!tls_port_keep(tls_engine_port(c->engine)))
    transport_failed(c, -ENOMEM, false);
  update_reading(c);
}

void tls_conn_drive (struct conn *c) {
  if (c->driving) {
    c->again = true;
    return;
  }
  c->driving = true;
  c->poked = c->notified = false;
  do {
    c->again = false;
    drive_round(c);
    if (!c->again && !c->closed)
      settle(c);
  } while (c->again && !c->closed);
  if (!c->closed)
    ask_to_go_on(c);
  c->driving = false;
  release(c);
}

/* === methods =========================================================== */

/* Answer whether Lua has to call drive(): not when it is called from within,
** and not twice. [-0, +1] */
static int push_poke (lua_State *L, struct conn *c) {
  bool poke = false;
  if (c->driving)
    c->again = true;
  else if (!c->poked)
    poke = c->poked = true;
  lua_pushboolean(L, poke);
  return 1;
}

/* conn:start(socket): the handshake begins with the next drive. While it is
** attached, the anchored conn keeps the socket alive, which otherwise only its
** own listeners may know. */
static int conn_start (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  if (c == NULL)
    return luaL_error(L, "connection is closed");
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->env->owners);
  lua_pushvalue(L, 2);
  lua_rawsetp(L, -2, c);
  if (c->stream != NULL) {
    tls_getuservalue(L, 1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 2);
  }
  c->started = true;
  return push_poke(L, c);
}

/* The stream inside luv's userdata at index 2. Throws when it is none. */
static struct tls_uv_handle *check_stream (lua_State *L, struct conn *c) {
  struct tls_uv_handle **box = luaL_testudata(L, 2, "uv_tcp");
  if (box == NULL)
    box = luaL_testudata(L, 2, "uv_pipe");
  luaL_argcheck(L, box != NULL && *box != NULL, 2,
                "uv_tcp or uv_pipe expected");
  luaL_argcheck(L, !c->env->uv.uv_is_closing(*box), 2, "handle is closing");
  struct tls_luv_handle *part = luv_part(*box);
  if (part == NULL || part->ctx != c->env->luv)
    luaL_error(L, "tls: this luv keeps its handles in an unknown layout");
  luaL_argcheck(L, part->extra == NULL, 2, "handle is in use");
  return *box;
}

/* conn:attach(handle): read from and write to luv's stream. */
static int conn_attach (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  if (c == NULL || c->stream != NULL)
    return luaL_error(L, "connection is closed or attached");
  struct tls_uv_handle *stream = check_stream(L, c);
  lua_newtable(L); /* pins luv's userdata */
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, 1);
  tls_setuservalue(L, 1);
  lua_pushvalue(L, 1);
  c->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
  c->stream = stream;
  luv_part(stream)->extra = c;
  return 0;
}

static int conn_drive (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  if (c != NULL)
    tls_conn_drive(c);
  return 0;
}

/* conn:write(data) -> unsent, full, poke. When full, no more may be written
** until 'written'. */
static int conn_write (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  size_t n;
  const char *data = luaL_checklstring(L, 2, &n);
  if (c == NULL || c->held != NULL)
    return luaL_error(L, "connection is closed or full");
  size_t done = pump(c, data, n);
  if (done < n) {
    lua_pushvalue(L, 2);
    c->held_ref = luaL_ref(L, LUA_REGISTRYINDEX); /* pins data */
    c->held = data + done;
    c->held_size = n - done;
  }
  lua_pushinteger(L, (lua_Integer)unsent(c));
  lua_pushboolean(L, c->held != NULL);
  push_poke(L, c);
  return 3;
}

/* conn:notify() -> poke: 'written' is to be told once all has been sent. */
static int conn_notify (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  if (c == NULL)
    return 0;
  c->notify = true;
  return push_poke(L, c);
}

static int conn_unsent (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  lua_pushinteger(L, c == NULL ? 0 : (lua_Integer)unsent(c));
  return 1;
}

/* conn:read(boolean) -> poke: whether data is wanted. */
static int conn_read (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  luaL_checktype(L, 2, LUA_TBOOLEAN);
  if (c == NULL)
    return 0;
  bool paused = !lua_toboolean(L, 2);
  if (c->paused == paused)
    return 0;
  c->paused = paused;
  if (!c->driving && c->stream != NULL)
    update_reading(c);
  if (paused && c->stream != NULL)
    return 0;
  return push_poke(L, c); /* what was kept is to be read */
}

/* conn:shutdown() -> poke: close_notify behind all that was written. */
static int conn_shutdown (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  if (c == NULL)
    return 0;
  tls_engine_shutdown(c->engine);
  return push_poke(L, c);
}

static int conn_approve (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  if (c == NULL)
    return 0;
  tls_engine_approve(c->engine);
  return push_poke(L, c);
}

static int conn_identify (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  luaL_checktype(L, 2, LUA_TBOOLEAN);
  if (c == NULL)
    return 0;
  tls_engine_identify(c->engine, lua_toboolean(L, 2));
  return push_poke(L, c);
}

/* conn:feed(records|nil) -> poke: bytes that did not come from luv's stream
** (read by somebody else before it was attached, or from a transport of
** Lua's); nil when that has ended. */
static int conn_feed (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  size_t n = 0;
  const char *data = luaL_optlstring(L, 2, NULL, &n);
  if (c == NULL)
    return 0;
  struct tls_port *port = tls_engine_port(c->engine);
  if (data == NULL)
    port->eof = true;
  else if (!tls_port_keep(port) || !tls_port_feed(port, data, n) ||
           !tls_port_keep(port)) /* behind what is being read */
    return luaL_error(L, "out of memory");
  return push_poke(L, c);
}

/* conn:sent() -> poke: the transport of Lua's has taken the last records. */
static int conn_sent (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  if (c == NULL || c->stream != NULL || !c->writing)
    return 0;
  c->writing = false;
  if (gathered(c) == 0)
    c->unsent = 0;
  return push_poke(L, c);
}

/* conn:close(): let go of the handle, which Lua closes next. Idempotent. */
static int conn_close (lua_State *L) {
  struct conn *c = tls_conn_check(L);
  if (c->closed)
    return 0;
  c->closed = true;
  if (c->stream == NULL)
    c->writing = false; /* nobody will call sent() */
  detach(c);
  drop_held(c);
  release(c);
  return 0;
}

static const char *option_string (lua_State *L, const char *name, size_t *n) {
  lua_getfield(L, 2, name);
  const char *s = lua_tolstring(L, -1, n); /* kept by the options table */
  lua_pop(L, 1);
  return s;
}

static bool option_flag (lua_State *L, const char *name) {
  lua_getfield(L, 2, name);
  bool flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

int tls_conn_new (lua_State *L) {
  struct tls_env *env = tls_env_get(L);
  struct tls_engine_options o = {0};
  size_t size = REQ_OFFSET + env->uv.uv_req_size(TLS_UV_WRITE);
  luaL_checktype(L, 2, LUA_TTABLE);
  o.ctx = tls_context_check(L, 1);
  o.method = env->method;
  o.pool = &env->pool;
  o.server = option_flag(L, "server");
  o.request_cert = option_flag(L, "requestCert");
  o.reject_unauthorized = option_flag(L, "rejectUnauthorized");
  o.servername = option_string(L, "servername", NULL);
  o.alpn = (const unsigned char *)option_string(L, "alpn", &o.alpn_size);
  struct conn *c = lua_newuserdatauv(L, size, 1);
  memset(c, 0, size);
  c->env = env;
  c->anchor = c->held_ref = LUA_NOREF;
  tls_bytes_init(&c->flight, &env->pool);
  luaL_setmetatable(L, CONN_T);
  c->engine = tls_engine_new(&o);
  if (c->engine == NULL)
    return tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                             "cannot make a TLS connection");
  return 1;
}

static const luaL_Reg methods[] = {
    {"start", conn_start},     {"attach", conn_attach},
    {"drive", conn_drive},     {"write", conn_write},
    {"notify", conn_notify},   {"unsent", conn_unsent},
    {"read", conn_read},       {"shutdown", conn_shutdown},
    {"approve", conn_approve}, {"identify", conn_identify},
    {"feed", conn_feed},       {"sent", conn_sent},
    {"close", conn_close},     {NULL, NULL}};

void tls_conn_open (lua_State *L) {
  luaL_newmetatable(L, CONN_T);
  lua_pushcfunction(L, conn_gc);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, methods);
  luaL_setfuncs(L, tls_conn_questions, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
