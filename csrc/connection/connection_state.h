/*
** conn_state: the fields of a connection, for the conn_*.c files alone.
*/
#ifndef tls_conn_state_h
#define tls_conn_state_h

#include "engine/engine.h"
#include "lua/lua_state.h"

#define CONN_T "tls.conn"

struct conn {
  struct tls_env *env;           /* borrowed; outlives every conn */
  struct tls_engine *engine;     /* owned; NULL once finished */
  struct tls_uv_handle *stream;  /* borrowed from luv; a pin holds its userdata;
                                    NULL when fed from Lua */
  struct tls_write *write;       /* borrowed from libuv, until on_written(); or
                                    NULL: the uv_write that is in flight */
  void (*drive)(struct conn *c); /* the drive loop, for libuv's callbacks: they
                    stand in read.c and write.c, which the loop itself uses */
  const char *held;              /* pinned by held_ref; plaintext not yet
                                    encrypted, or NULL */
  size_t held_size;
  int held_ref;      /* registry reference */
  int anchor;        /* registry reference to this userdata while
                        it is attached */
  size_t unsent;     /* plaintext bytes encrypted, not yet with the
                        kernel (held ones not counted) */
  size_t ahead;      /* plaintext bytes given to Lua in spite of 'paused' */
  unsigned events;   /* engine events not yet emitted */
  int io_error;      /* libuv's status that ended the transport */
  bool write_failed; /* ... in a write */
  bool driving;      /* in conn_drive; re-entry asks for a round */
  bool again;
  bool poked;    /* Lua has been asked to call drive() */
  bool reading;  /* uv_read_start is in force */
  bool paused;   /* Lua wants no data for now */
  bool writing;  /* one uv_write is in flight, or Lua has records to send */
  bool notify;   /* Lua waits for 'written' */
  bool notified; /* ... and got it in this drive */
  bool closed;   /* close() was called */
  bool started;
  bool hold; /* nothing is sent for now */
  bool dead; /* TLS_ON_error was emitted */
};

/* What the userdata of an attached conn keeps alive. */
enum tls_conn_pin { TLS_PIN_HANDLE = 1, TLS_PIN_SOCKET = 2 };

/* luv's own part of the handle: it has a field for us. */
static inline struct tls_luv_handle *
tls_conn_luv_part (struct tls_uv_handle *stream) {
  return stream->data;
}

#endif
