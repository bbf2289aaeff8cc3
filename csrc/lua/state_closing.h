/*
** state_closing: what happens to luv's loop when lua_close() has begun.
**
** lua_close() finalizes all objects, the newest first. luv's loop is among
** the oldest: it is closed long after the handles, and run until it is empty.
** luv up to 1.45 frees a handle that is still closing together with its
** userdata, so that the loop then uses freed memory. Therefore the loop is
** run once before that, while the handles still exist: those of ours, and
** those of the program, which luv finalizes in the same way.
*/
#ifndef tls_lua_state_closing_h
#define tls_lua_state_closing_h

#include "lua_state.h"

/* Register the metatable, and wrap the finalizers of luv's handles. [-0, +0] */
void tls_state_closing_open (lua_State *L);

/* core.handleMade(): Lua calls it for each handle of luv's that we make or are
** given. Makes an object that is younger than the handle: its finalizer sees
** that lua_close() has begun, and runs the loop. */
int tls_state_closing_handle_made (lua_State *L);

#endif
