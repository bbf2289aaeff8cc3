/*
** conn_state: the fields of a connection, for the conn_*.c files alone.
*/
#ifndef tls_conn_state_h
#define tls_conn_state_h

#include "engine.h"
#include "env.h"

#define CONN_T "tls.conn"

struct conn {
  struct tls_env *env;          /* borrowed; outlives every conn */
  struct tls_engine *engine;    /* owned; NULL once finished */
  struct tls_uv_handle *stream; /* borrowed from luv; the user value pins its
                                   userdata; NULL when fed from Lua */
  struct tls_bytes flight;      /* owned; what uv_write is writing */
  const char *held;             /* pinned by held_ref; plaintext not yet
                                   encrypted, or NULL */
  size_t held_size;
  int held_ref;      /* registry reference */
  int anchor;        /* registry reference to this userdata while
                        it is attached or a write is in flight */
  size_t unsent;     /* plaintext bytes encrypted, not yet with the
                        kernel (held ones not counted) */
  unsigned events;   /* engine events not yet emitted */
  int io_error;      /* libuv's status that ended the transport */
  bool write_failed; /* ... in a write */
  bool driving;      /* in conn_drive; re-entry asks for a round */
  bool again;
  bool poked;    /* Lua has been asked to call drive() */
  bool reading;  /* uv_read_start is in force */
  bool paused;   /* Lua wants no data for now */
  bool writing;  /* one uv_write is in flight */
  bool notify;   /* Lua waits for 'written' */
  bool notified; /* ... and got it in this drive */
  bool closed;   /* close() was called */
  bool started;
  bool dead; /* TLS_ON_error was emitted */
};

/* Run the connection until it has nothing more to do. Enters Lua, so anything
** may have happened to 'c' afterwards but its memory going away. */
void tls_conn_drive (struct conn *c);

/* Each enters Lua through the door; afterwards look at c->closed. */
void tls_conn_emit (struct conn *c, enum tls_handler which);
void tls_conn_emit_data (struct conn *c, const char *data, size_t size);
void tls_conn_emit_records (struct conn *c, const char *data, size_t size);

struct conn *tls_conn_check (lua_State *L);      /* at index 1 */
struct conn *tls_conn_check_open (lua_State *L); /* NULL once closed */

/* The questions a user may ask: methods for the metatable. */
extern const luaL_Reg tls_conn_questions[];

#endif
