/*
** connection_state: what a connection consists of. Read and changed by the
** files of this folder alone.
*/
#ifndef tls_connection_state_h
#define tls_connection_state_h

#include "engine/engine.h"
#include "lua/lua_state.h"

#define TLS_CONNECTION_T "tls.connection"

/* What libuv is writing: see write.c. */
struct tls_write;

struct tls_connection {
  struct tls_lua_state *lua;    /* borrowed; outlives every connection */
  struct tls_engine *engine;    /* owned; NULL once finished */
  struct tls_uv_handle *stream; /* borrowed from luv, whose userdata is kept
                                   alive by a user value; NULL when Lua carries
                                   the records */
  struct tls_write *write; /* borrowed from libuv, until on_written(); NULL when
                              no uv_write is in flight */
  void (*drive)(struct tls_connection *c); /* the drive loop. libuv's callbacks
                                              end in it; they stand in read.c
                                              and write.c, which it uses */
  const char *pending; /* pinned by pending_ref; plaintext that is not encrypted
                          yet, or NULL */
  size_t pending_size;
  int pending_ref;   /* registry reference to its string */
  int self_ref;      /* registry reference to this userdata while it is attached
                        to a stream */
  size_t unsent;     /* plaintext bytes encrypted, not yet with the kernel
                        (pending ones not counted) */
  size_t read_ahead; /* plaintext bytes given to Lua in spite of 'paused' */
  unsigned events;   /* engine events not yet emitted */
  int io_error;      /* libuv's status that ended the transport */
  bool write_failed; /* ... in a write */
  bool driving;      /* the drive loop is under way */
  bool drive_again;  /* it has to run another round */
  bool drive_asked;  /* Lua has been asked to call drive() */
  bool reading;      /* uv_read_start is in force */
  bool paused;       /* Lua wants no data for now */
  bool writing;      /* one uv_write is in flight, or Lua has records to send */
  bool written_wanted; /* Lua waits for 'written' */
  bool written_told;   /* ... and has got it in this drive */
  bool closed;         /* close() was called */
  bool started;
  bool corked; /* conn:hold(true): nothing is sent for now */
  bool dead;   /* TLS_ON_error was emitted */
};

/* What the userdata of an attached connection keeps alive. */
enum tls_connection_value { TLS_VALUE_HANDLE = 1, TLS_VALUE_SOCKET = 2 };

/* luv's own part of the handle: it has a field for us. */
static inline struct tls_luv_handle *
tls_connection_luv_part (struct tls_uv_handle *stream) {
  return stream->data;
}

#endif
