/*
** socket_options: the socket options that libuv has no call for.
*/
#include "socket_options.h"

#include <errno.h>
#include <sys/socket.h>

#include "lua_state.h"

int tls_socket_options_reuse_port (lua_State *L) {
  int fd = (int)luaL_checkinteger(L, 1), on = 1;
#ifdef SO_REUSEPORT
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) {
    lua_pushboolean(L, 1);
    return 1;
  }
#else
  (void)fd, (void)on;
  errno = ENOTSUP;
#endif
  lua_pushnil(L);
  tls_lua_state_push_errname(L, -errno);
  return 2;
}

int tls_socket_options_error (int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
    return 0;
  return -error;
}

int tls_socket_options_pending_error (lua_State *L) {
  int error = tls_socket_options_error((int)luaL_checkinteger(L, 1));
  if (error == 0)
    return 0;
  tls_lua_state_push_errname(L, error);
  return 1;
}
