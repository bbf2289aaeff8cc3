/*
** sockopt: the socket options that libuv has no call for.
*/
#ifndef tls_socket_options_h
#define tls_socket_options_h

#include "compat.h"

/* core.reusePort(fd) -> true, or nil and the error's name: several processes
** may listen on one port (SO_REUSEPORT, socket(7)); the kernel shares the
** connections out. To be set before bind. */
int tls_reuse_port (lua_State *L);

/* The error that waits on a socket (SO_ERROR), as libuv's negative number, or
** 0. libuv reports a reset that came right behind data as an end. */
int tls_socket_error (int fd);

/* core.pendingError(fd) -> the error's name, or nil. */
int tls_pending_error (lua_State *L);

#endif
