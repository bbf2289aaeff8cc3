/*
** conn_state: the fields of a connection, for the conn_*.c files alone.
*/
#ifndef tls_conn_state_h
#define tls_conn_state_h

#include "engine/engine.h"
#include "lua/lua_state.h"

#define CONN_T "tls.conn"

struct conn {
  struct tls_env *env;          /* borrowed; outlives every conn */
  struct tls_engine *engine;    /* owned; NULL once finished */
  struct tls_uv_handle *stream; /* borrowed from luv; a pin holds its userdata;
                                   NULL when fed from Lua */
  struct tls_write *write;      /* borrowed from libuv, until on_written(); or
                                   NULL: the uv_write that is in flight */
  const char *held;             /* pinned by held_ref; plaintext not yet
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

/* Run the connection until it has nothing more to do. Enters Lua, so anything
** may have happened to 'c' afterwards but its memory going away. */
void tls_conn_drive (struct conn *c);

/* Encrypt from 'data', flushing whenever enough has gathered. Returns how much
** was taken: less than 'n' when the socket is full or the turn is over. */
size_t tls_conn_pump (struct conn *c, const char *data, size_t n);
size_t tls_conn_gathered (const struct conn *c); /* ciphertext bytes waiting */
size_t tls_conn_unsent (const struct conn *c);   /* plaintext bytes waiting */
void tls_conn_update_reading (struct conn *c);
void tls_conn_detach (struct conn *c); /* leave the stream */
void tls_conn_drop_held (struct conn *c);
void tls_conn_send_rest (struct conn *c);
void tls_conn_release (struct conn *c); /* frees what nothing uses any more */

/* Behind a call that may have run OpenSSL, which may have asked the user for a
** key: was the connection closed meanwhile? Then it is freed, as far as it may
** be. */
bool tls_conn_gone (struct conn *c);

/* Each enters Lua through the door; afterwards look at c->closed. */
void tls_conn_emit (struct conn *c, enum tls_handler which);

/* The same, with bytes. They become a string before anything of the user's is
** run. False when there was no memory for it: they are lost. */
bool tls_conn_emit_bytes (struct conn *c, enum tls_handler which,
                          const char *data, size_t size);

/* In two steps, when something else is to be told before: keep the bytes as a
** string, by a registry reference, and tell or drop them. */
int tls_conn_keep_bytes (struct conn *c, const char *data, size_t size); /* or
                                                     LUA_NOREF: no memory */
void tls_conn_emit_kept (struct conn *c, enum tls_handler which, int ref);

/* For pre-shared keys alone: called on OpenSSL's stack, and answered at once.
** 'text' is the hint (may be NULL) or the identity; 'identity' may be NULL.
** The size of the key, 0 for none. */
struct tls_psk_answer {
  char *identity;
  size_t identity_size;
  unsigned char *key;
  size_t key_size;
};
unsigned tls_conn_emit_psk (struct conn *c, const char *text, size_t text_size,
                            struct tls_psk_answer *answer);

/* Answer whether Lua has to call drive(): not when it is called from within,
** and not twice. [-0, +1]; returns 1 */
int tls_conn_push_poke (lua_State *L, struct conn *c);

/* What was agreed on by ALPN and by NPN, and the name asked for: each false
** when there is none. [-0, +3] */
void tls_conn_push_negotiated (lua_State *L, struct conn *c);

struct conn *tls_conn_check (lua_State *L);      /* at index 1 */
struct conn *tls_conn_check_open (lua_State *L); /* NULL once closed */

/* The questions a user may ask, and the answers that a connection waits for:
** methods for the metatable. */
extern const luaL_Reg tls_conn_questions[];
extern const luaL_Reg tls_conn_answers[];

#endif
