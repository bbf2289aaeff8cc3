/*
** socket_options: the socket options that libuv has no call for.
*/
#ifndef tls_lua_socket_options_h
#define tls_lua_socket_options_h

#include "compat.h"

/* core.reusePort(fd) -> true, or nil and the error's name. Lets several
** processes listen on one port (SO_REUSEPORT, socket(7)), among which the
** kernel distributes the connections. To be set before bind. */
int tls_socket_options_reuse_port (lua_State *L);

/* The pending error of a socket (SO_ERROR) as libuv's negative number, or 0.
** libuv reports a reset that comes right after data as an end of the data. */
int tls_socket_options_error (int fd);

/* core.pendingError(fd) -> the name of that error, or nil. */
int tls_socket_options_pending_error (lua_State *L);

#endif
