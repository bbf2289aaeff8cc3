/*
** libuv_symbols: the few functions of libuv that tls calls. They are looked
** up at load time in the image that holds the running luv: if we linked to
** libuv ourselves, there might be a second one beside the one that runs the
** loop.
**
** So the build needs neither uv.h nor luv.h. What we use of their ABI is
** declared here, and spec/support/abi_check.c compares it with the real
** headers. libuv keeps this ABI through all of 1.x, on Unix.
*/
#ifndef tls_lua_libuv_symbols_h
#define tls_lua_libuv_symbols_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "compat.h"

#define TLS_UV_EOF (-4095)
#define TLS_UV_WRITE 3 /* uv_req_type */
#define TLS_UV_WORK 7
#define TLS_UV_RUN_NOWAIT 2

struct tls_uv_buf { /* uv_buf_t */
  char *base;
  size_t len;
};

struct tls_uv_handle { /* the head of uv_handle_t */
  void *data;          /* luv's: struct tls_luv_handle */
};

typedef void (*tls_uv_alloc_cb)(struct tls_uv_handle *, size_t,
                                struct tls_uv_buf *);
typedef void (*tls_uv_read_cb)(struct tls_uv_handle *, ssize_t,
                               const struct tls_uv_buf *);
typedef void (*tls_uv_write_cb)(void *req, int status);

struct tls_luv_context { /* luv_ctx_t */
  void *loop;
  lua_State *L;
  int (*cb_pcall)(lua_State *L, int nargs, int nresults, int flags);
};

struct tls_luv_handle { /* luv_handle_t, the same from 1.44 to master */
  int ref;
  int callbacks[2];
  struct tls_luv_context *ctx;
  void *extra; /* for the user of the handle: our connection */
};

typedef void (*tls_uv_walk_cb)(struct tls_uv_handle *, void *arg);

/* clang-format off */
#define TLS_UV_FUNCTIONS(X)                                                    \
  X(uv_read_start, int, (struct tls_uv_handle *, tls_uv_alloc_cb, tls_uv_read_cb)) \
  X(uv_read_stop, int, (struct tls_uv_handle *))                               \
  X(uv_try_write, int, (struct tls_uv_handle *, const struct tls_uv_buf *, unsigned)) \
  X(uv_write, int, (void *, struct tls_uv_handle *, const struct tls_uv_buf *, unsigned, tls_uv_write_cb)) \
  X(uv_cancel, int, (void *))                                                  \
  X(uv_queue_work, int, (void *, void *, void (*)(void *), void (*)(void *, int))) \
  X(uv_is_closing, int, (const struct tls_uv_handle *))                        \
  X(uv_walk, void, (void *, tls_uv_walk_cb, void *))                            \
  X(uv_run, int, (void *, int))                                                \
  X(uv_fileno, int, (const struct tls_uv_handle *, int *))                     \
  X(uv_req_size, size_t, (int))                                                \
  X(uv_err_name_r, char *, (int, char *, size_t))                              \
  X(uv_strerror_r, char *, (int, char *, size_t))                              \
  X(luv_context, struct tls_luv_context *, (lua_State *))
/* clang-format on */

struct tls_uv {
#define X(name, result, args) result(*name) args;
  TLS_UV_FUNCTIONS(X)
#undef X
};

/* Fill 'uv' from the image that holds 'of', one of luv's C functions. False,
** and a sentence in 'why' that names what is missing, when that fails. Does
** not throw. */
bool tls_libuv_symbols_resolve (struct tls_uv *uv, const void *of, char *why,
                                size_t size);

#endif
