/*
** conn: userdata that binds an engine to one of luv's streams, or to none (it
** is then fed and drained from Lua). Born closed, then attached; the handle
** stays luv's, and Lua alone closes it, after conn:close().
*/
#ifndef tls_conn_h
#define tls_conn_h

#include "lua/compat.h"

/* Register the metatable. [-0, +0] */
void tls_conn_open (lua_State *L);

/* core.conn(context, terms) -> conn, see conn_terms.h. */
int tls_conn_new (lua_State *L);

#endif
