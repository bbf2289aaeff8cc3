/*
** connection_state: what a connection consists of. Read and changed by the
** files of this folder alone.
*/
#ifndef tls_connection_connection_state_h
#define tls_connection_connection_state_h

#include "engine/engine.h"
#include "lua/lua_state.h"

#define TLS_CONNECTION_T "tls.connection"

/* What libuv is writing: see write.c. */
struct tls_write;

/* A step on another thread: see away.c. */
struct tls_away;

/* From beginning to end; a connection never goes back. */
enum tls_life {
  TLS_LIFE_NEW,     /* made; Lua has not called start() */
  TLS_LIFE_STARTED, /* has a transport: a handle, or Lua */
  TLS_LIFE_FAILED,  /* 'error' has been emitted, and is the last event */
  TLS_LIFE_CLOSED   /* Lua has called close(): nothing is emitted */
};

/* How the transport has failed. Only the first failure counts; io_error has
** its number. */
enum tls_transport_failure {
  TLS_FAILURE_NONE,
  TLS_FAILURE_READ,
  TLS_FAILURE_WRITE
};

/* Who has records that have not been sent yet. Until they are sent, records
** that follow wait in the engine's out queue. */
enum tls_output {
  TLS_OUTPUT_IDLE,
  TLS_OUTPUT_IN_FLIGHT, /* libuv: one uv_write */
  TLS_OUTPUT_WITH_LUA   /* Lua: it calls sent() */
};

struct tls_connection {
  struct tls_lua_state *lua;    /* borrowed; outlives every connection */
  struct tls_engine *engine;    /* owned; NULL once finished */
  struct tls_uv_handle *handle; /* borrowed from luv, whose userdata is kept
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
                        to a handle */
  size_t unsent;     /* plaintext bytes encrypted, not yet with the kernel
                        (pending ones not counted) */
  size_t read_ahead; /* plaintext bytes given to Lua in spite of 'paused' */
  unsigned events;   /* engine events not yet emitted */
  int io_error;      /* libuv's status that ended the transport, or 0 */
  enum tls_life life;
  enum tls_transport_failure transport_failure;
  enum tls_output output;
  struct tls_away *away; /* owned until libuv has it; a step that is not made
                            here, see away.h; or NULL */
  unsigned queries;      /* of queries.c that are under way: what they have
                            borrowed from the engine is not freed */
  bool driving;          /* the drive loop is under way */
  bool drive_again;      /* it has to run another round */
  bool drive_asked;      /* Lua has been asked to call drive() */
  bool reading;          /* libuv reads (or Lua, when it carries the records) */
  bool paused;           /* Lua wants no data for now */
  bool output_held;      /* conn:hold(true): nothing is sent for now */
  bool written_wanted;   /* Lua waits for 'written' */
  bool written_told;     /* 'written' has been emitted in this drive */
  bool turn_waits; /* a step of the handshake waits, see handshake_turns.h */
  bool turn_taken; /* it has come to its turn */
  bool is_away;    /* the engine belongs to another thread */
  bool stays;      /* no step of it goes away any more */
  unsigned char threads; /* how many of the pool's its steps may use */
};

/* What the userdata of an attached connection keeps alive. */
enum tls_connection_value { TLS_VALUE_HANDLE = 1, TLS_VALUE_SOCKET = 2 };

static inline bool tls_connection_is_closed (const struct tls_connection *c) {
  return c->life == TLS_LIFE_CLOSED;
}

/* Nothing is emitted any more. */
static inline bool tls_connection_is_over (const struct tls_connection *c) {
  return c->life >= TLS_LIFE_FAILED;
}

/* luv's own part of the handle: it has a field for us. */
static inline struct tls_luv_handle *
tls_connection_luv_part (struct tls_uv_handle *handle) {
  return handle->data;
}

#endif
