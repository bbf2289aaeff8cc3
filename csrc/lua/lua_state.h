/*
** lua_state: what all connections of one Lua state share: libuv's functions,
** buffers, the functions of the Lua layer, and the core's one way from libuv
** into Lua.
*/
#ifndef tls_lua_lua_state_h
#define tls_lua_lua_state_h

#include "compat.h"
#include "engine/record_bio.h"
#include "libuv_symbols.h"

#define TLS_READ_SIZE (64 * 1024)

/* What one read may bring, and a TLS record kept from before it. */
#define TLS_PLAINTEXT_SIZE (80 * 1024)

/* The functions of the Lua layer that connections call, by name. */
/* clang-format off */
#define TLS_HANDLERS(X) \
  X(verify)             \
  X(clientHello)        \
  X(ocsp)               \
  X(session)            \
  X(keylog)             \
  X(note)               \
  X(earlyData)          \
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
  X(memoryOut)          \
  X(turn)               \
  X(error)
/* clang-format on */

enum tls_handler {
#define X(name) TLS_ON_##name,
  TLS_HANDLERS(X)
#undef X
      TLS_HANDLER_COUNT
};

/* What handshakes may take of a turn of the loop, and have: see
** connection/handshake_turns.h. */
#define TLS_HANDSHAKE_BUDGET_NS 1000000

struct tls_handshake_budget {
  uint64_t budget, spent; /* ns */
  bool queued;            /* Lua has steps that wait */
};

struct tls_lua_state;

/* Steps on other threads: see connection/away.h. */
struct tls_away_list {
  struct tls_away *first, *last; /* borrowed */
};

struct tls_away_work {
  struct tls_away_list waiting, at_work;
  unsigned running; /* with libuv */
  unsigned telling; /* libuv is telling of one of them, or of several */
  /* Both are called in lua_close(), and NULL before anything was away. The
  ** first one, at its beginning, is false when libuv will not tell the end of
  ** all; after the second one nobody waits for these. */
  bool (*settle)(struct tls_lua_state *state);
  void (*forget)(struct tls_lua_state *state);
};

struct tls_lua_state {
  lua_State *main;             /* borrowed; never a coroutine */
  struct tls_luv_context *luv; /* borrowed; has the host's policy for errors */
  struct tls_uv uv;
  BIO_METHOD *bio_method; /* owned */
  BIO *stderr_bio;        /* owned; stderr, for traces */
  struct tls_buffer_pool pool;
  struct tls_handshake_budget handshakes;
  struct tls_away_work away;
  int handlers[TLS_HANDLER_COUNT]; /* registry references */
  bool handlers_set;               /* by core.handlers */
  int sockets;  /* registry reference: table with weak values, connection (light
                  userdata) -> socket, of connections without a handle */
  int door;     /* registry reference, of tls_door_open() */
  bool closing; /* lua_close() has begun: Lua must not be entered */
  int at_closing; /* registry reference; LUA_NOREF before core.atClosing() */
  const void *closing_sentinel; /* borrowed from the registry; NULL at first;
                                   see state_closing.c */
  lua_Alloc allocate;    /* once the loop was abandoned; see state_closing.c */
  void *allocate_arg;    /* borrowed */
  char *plaintext;       /* owned; NULL while a connection uses it */
  size_t plaintext_used; /* the most that lies in it */
  bool plaintext_stale;  /* to be wiped when it is given back */
  char read_buffer[TLS_READ_SIZE]; /* libuv reads into it, for any of the
                                      connections */
};

/* Make the struct and keep it in the registry. Stack: luv's module table on
** top. Throws when libuv's functions cannot be found. [-0, +0] */
void tls_lua_state_open (lua_State *L);

/* The struct of this Lua state. Borrowed from the registry. */
struct tls_lua_state *tls_lua_state_get (lua_State *L);

/* A buffer of TLS_PLAINTEXT_SIZE bytes: the state's own, or a new one while
** that is in use: by a connection whose listener runs the loop, so that other
** connections are driven meanwhile. NULL when there is no memory. The caller
** gives it back. */
char *tls_lua_state_take_buffer (struct tls_lua_state *state);
void tls_lua_state_give_buffer (struct tls_lua_state *state, char *buffer);

/* 'n' bytes of plaintext have been in the buffer. */
void tls_lua_state_note_plaintext (struct tls_lua_state *state, size_t n);

/* A connection has ended, whose plaintext may be in the state's buffer: wipes
** it, or has it wiped when it is given back. */
void tls_lua_state_wipe_plaintext (struct tls_lua_state *state);

/* The core's one way from libuv's callbacks into Lua. 'fn' gets 'arg' as a
** light userdata and runs protected: it may allocate and throw, while this
** function does not. False when it was not run, or when it threw and the host
** went on, see door.h, as for 'out_of_memory'. */
bool tls_lua_state_call (struct tls_lua_state *state, lua_CFunction fn,
                         void *arg, bool *out_of_memory);

/* core.wrap(fn, ...) -> function: for luv's callbacks, see tls_door_push();
** the arguments behind 'fn' come before luv's. */
int tls_lua_state_wrap (lua_State *L);

/* core.closing() -> boolean: has lua_close() begun? Objects that are older
** than this module are finalized after this struct. */
int tls_lua_state_closing (lua_State *L);

/* core.atClosing(fn): 'fn' is called when lua_close() begins, and nothing has
** been finalized that is older than the latest handle. Only the first call
** counts. */
int tls_lua_state_at_closing (lua_State *L);

/* Calls that function, and drops what it throws. To be called once, from a
** finalizer: Lua may still be entered. [-0, +0] */
void tls_lua_state_call_at_closing (lua_State *L, struct tls_lua_state *state);

/* core.checkAlive(): throws when it has. What is made then would be freed by
** nobody, and the loop does not run any more. */
int tls_lua_state_check_alive (lua_State *L);

/* Push a table of libuv's error names to their numbers. luv can only be asked
** by number, and libuv leaks a string for each number that it does not know.
** [-0, +1] */
void tls_lua_state_push_errnos (lua_State *L);

/* Push libuv's name of an error: "EADDRINUSE". [-0, +1] */
void tls_lua_state_push_errname (lua_State *L, int number);

/* core.handlers{name = function, ...}: all of TLS_HANDLERS. Only the first
** call counts: when the Lua layer is loaded again in this state, it shares
** them with the connections of the first. */
int tls_lua_state_set_handlers (lua_State *L);

#endif
