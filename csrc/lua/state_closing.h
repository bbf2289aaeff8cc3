/*
** last_turn: how a Lua state leaves luv's loop when lua_close() has begun.
**
** lua_close() runs the finalizers of all objects, the newest first. luv's loop
** is among the oldest: long after the handles it is closed, and run until it is
** empty. luv up to 1.45 frees a handle that is still closing with its userdata,
** so that the loop runs over freed memory. So what is closing of ours is
** brought to its end while the handles are still there.
*/
#ifndef tls_state_closing_h
#define tls_state_closing_h

#include "lua_state.h"

void tls_state_closing_open (lua_State *L);

/* core.handleMade(): to be called when a handle of luv's has become ours. */
int tls_handle_made (lua_State *L);

#endif
