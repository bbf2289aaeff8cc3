/*
** abi_check: compares what csrc/lua/libuv_symbols.h declares of libuv's and
** luv's ABI with their real headers. Compiled by `make check`, never run.
*/
#include <luv/lhandle.h>
#include <luv/luv.h>
#include <uv.h>

#include "lua/libuv_symbols.h"

#define SAME_OFFSET(ours, theirs, field) \
  _Static_assert(offsetof(ours, field) == offsetof(theirs, field), #field)

_Static_assert(TLS_UV_EOF == UV_EOF, "UV_EOF");
_Static_assert(TLS_UV_WRITE == UV_WRITE, "UV_WRITE");
_Static_assert(TLS_UV_WORK == UV_WORK, "UV_WORK");
_Static_assert(TLS_UV_RUN_NOWAIT == UV_RUN_NOWAIT, "UV_RUN_NOWAIT");
_Static_assert(sizeof(struct tls_uv_buf) == sizeof(uv_buf_t), "uv_buf_t");
SAME_OFFSET(struct tls_uv_buf, uv_buf_t, base);
SAME_OFFSET(struct tls_uv_buf, uv_buf_t, len);
SAME_OFFSET(struct tls_uv_handle, uv_stream_t, data);
SAME_OFFSET(struct tls_luv_context, luv_ctx_t, loop);
SAME_OFFSET(struct tls_luv_context, luv_ctx_t, L);
SAME_OFFSET(struct tls_luv_context, luv_ctx_t, cb_pcall);
SAME_OFFSET(struct tls_luv_handle, luv_handle_t, ref);
SAME_OFFSET(struct tls_luv_handle, luv_handle_t, callbacks);
SAME_OFFSET(struct tls_luv_handle, luv_handle_t, ctx);
SAME_OFFSET(struct tls_luv_handle, luv_handle_t, extra);
_Static_assert(UV_EAGAIN == -EAGAIN, "libuv's errors are negated errnos");
