/*
** state: what all connections of one Lua state share: the link to luv, the
** buffer buffers, and the one door from libuv into Lua.
*/
#ifndef tls_lua_state_h
#define tls_lua_state_h

#include "compat.h"
#include "engine/record_bio.h"
#include "libuv_symbols.h"

#define TLS_READ_SIZE (64 * 1024)
/* A batch: what one read may bring, and a record kept from before it. */
#define TLS_PLAINTEXT_SIZE (80 * 1024)

/* The functions of the Lua layer that a connection calls, by name. */
/* clang-format off */
#define TLS_HANDLERS(X) \
  X(identity)           \
  X(hello)              \
  X(ocsp)               \
  X(session)            \
  X(keylog)             \
  X(early)              \
  X(renegotiating)      \
  X(renegotiated)       \
  X(psk)                \
  X(secure)             \
  X(data)               \
  X(records)            \
  X(reading)            \
  X(eof)                \
  X(written)            \
  X(driveLater)         \
  X(error)
/* clang-format on */

enum tls_handler {
#define X(name) TLS_ON_##name,
  TLS_HANDLERS(X)
#undef X
      TLS_HANDLER_COUNT
};

struct tls_lua_state {
  lua_State *main;             /* borrowed; never a coroutine */
  struct tls_luv_context *luv; /* borrowed; the host's policy for errors */
  struct tls_uv uv;
  BIO_METHOD *bio_method; /* owned */
  BIO *stderr_bio;        /* owned; stderr, for traces */
  struct tls_pool pool;
  int handlers[TLS_HANDLER_COUNT]; /* registry references */
  bool handlers_set;               /* they have been given */
  int sockets;  /* registry reference: weak table, conn (light) -> socket, of
                  those that are fed from Lua */
  bool closing; /* lua_close has begun: Lua is off limits */
  const void *
      closing_sentinel; /* borrowed from the registry, see last_turn; or NULL */
  char *plaintext; /* owned; room for one batch of plaintext; NULL while it is
                      taken */
  char read_buffer[TLS_READ_SIZE]; /* one uv_read lands here */
};

/* Make the state's state and remember it. Stack: luv's module table on top.
** Throws when luv cannot be linked to. */
void tls_lua_state_open (lua_State *L);

struct tls_lua_state *tls_lua_state_get (lua_State *L);

/* A buffer of TLS_PLAINTEXT_SIZE bytes for one batch of plaintext: the state's
** own, or another while that is in use by a connection whose user runs the
** loop. NULL when memory is out. To be given back. */
char *tls_lua_state_take_buffer (struct tls_lua_state *state);
void tls_lua_state_give_buffer (struct tls_lua_state *state, char *buffer);

/* The one door from libuv into Lua. 'fn' gets 'arg' as a light userdata and
** runs protected, so it may allocate and throw; this function may not. False
** when it was not run or an error was survived (the host's policy: by default
** luv prints it and ends the process). */
bool tls_lua_state_call (struct tls_lua_state *state, lua_CFunction fn,
                         void *arg);

/* core.closing() -> boolean: has lua_close finalized this record? Finalizers of
** what is older than the module run after that. */
int tls_lua_state_closing (lua_State *L);

/* core.checkAlive(): throws when it has. What is made then has nobody to free
** it, and no turn of the loop to live for. */
int tls_lua_state_check_alive (lua_State *L);

/* Push a table of libuv's error names to their numbers: luv can only be asked
** by number, and libuv leaks a string when that is none it knows. [-0, +1] */
void tls_lua_state_push_errnos (lua_State *L);

/* Push libuv's name of an error: "EADDRINUSE". [-0, +1] */
void tls_lua_state_push_errname (lua_State *L, int number);

/* core.handlers{name = function, ...}: all of TLS_HANDLERS. Only the first call
** counts: a Lua layer that is loaded a second time in this state shares them
** with the connections of the first. */
int tls_lua_state_set_handlers (lua_State *L);

#endif
