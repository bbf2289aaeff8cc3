/*
** last_turn: how a Lua state leaves luv's loop when lua_close() has begun.
**
** lua_close() runs the finalizers of all objects, the newest first. luv's loop
** is among the oldest: long after the handles it is closed, and run until it is
** empty. Two things go wrong there, and are put right here. luv up to 1.45
** frees a handle that is still closing with its userdata, so that the loop runs
** over freed memory. And the callbacks that come then would enter Lua, where
** what they use has been finalized, and may open what nobody closes any more.
*/
#ifndef tls_last_turn_h
#define tls_last_turn_h

#include "env.h"

void tls_last_turn_open (lua_State *L);

/* core.beforeClose() -> whether to go on: to be called before a handle of luv's
** is closed. If the state ends before the loop has finished with it, the loop
** finishes while the handle is still there. False once lua_close() has begun:
** then luv closes all handles, and may have finalized this one. */
int tls_before_close (lua_State *L);

/* lua_close() has begun: nothing calls into Lua any more, neither this library
** nor luv. Idempotent. */
void tls_leave_lua (struct tls_env *env);

#endif
