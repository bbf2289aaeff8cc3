/*
** connection: the userdata of a connection, from its making to its end. It
** binds an engine to one of luv's handles, or to none: then Lua carries the
** records. The handle stays luv's: Lua closes it, after conn:close().
**
** Used by all files here that take a connection from Lua.
*/
#ifndef tls_connection_connection_h
#define tls_connection_connection_h

#include "connection_state.h"

/* Push a connection that has no engine yet, and counts as closed until it has
** one. [-0, +1] */
struct tls_connection *tls_connection_push_new (lua_State *L,
                                                struct tls_lua_state *state);

/* The connection at index 1; throws when it is not one. */
struct tls_connection *tls_connection_check (lua_State *L);

/* The same, but NULL once it has been closed. */
struct tls_connection *tls_connection_check_open (lua_State *L);

/* Push whether Lua has to call conn:drive(): not when the drive loop is under
** way, and not when Lua has been asked already. [-0, +1]; returns 1 */
int tls_connection_push_needs_drive (lua_State *L, struct tls_connection *c);

/* Read from and write to luv's handle. Stack: the connection at 1, the Lua
** socket at 2, luv's handle at 3; throws when that is not one or is in use.
** The connection keeps itself, the socket and the handle alive until it is
** released. [-0, +0] */
void tls_connection_attach (lua_State *L, struct tls_connection *c);

/* core.handleInUse(value) -> is it luv's handle, and a connection attached to
** it? */
int tls_connection_handle_in_use (lua_State *L);

/* Leave the handle. A write that is in flight goes on without us. */
void tls_connection_detach (struct tls_connection *c);

/* Free the engine of a closed connection and let go of the userdata, unless
** something of ours is still on the C stack: the drive loop, or OpenSSL. To
** be called when that has returned. Does not throw. */
void tls_connection_release (struct tls_connection *c);

/* To be called after a function of the engine that may have run OpenSSL,
** which may have called Lua for a pre-shared key: has Lua closed the
** connection? Then it is released. */
bool tls_connection_closed_meanwhile (struct tls_connection *c);

int tls_connection_gc (lua_State *L); /* __gc */

#endif
