/*
** sockopt: the socket options that libuv has no call for.
*/
#ifndef tls_sockopt_h
#define tls_sockopt_h

#include "compat.h"

/* core.reusePort(fd) -> true, or nil and the error's name: several processes
** may listen on one port (SO_REUSEPORT, socket(7)); the kernel shares the
** connections out. To be set before bind. */
int tls_reuse_port (lua_State *L);

#endif
