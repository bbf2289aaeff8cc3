/*
** sockopt: the socket options that libuv has no call for.
*/
#include "sockopt.h"

#include <errno.h>
#include <sys/socket.h>

#include "env.h"

int tls_reuse_port (lua_State *L) {
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
  tls_env_push_errname(L, -errno);
  return 2;
}
