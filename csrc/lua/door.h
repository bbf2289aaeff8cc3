/*
** door: how libuv's callbacks enter Lua: through luv's protected call, which
** has the host's policy for errors (by default it prints them and ends the
** process), and inside it through one of our own, which makes text of every
** error first. luv 1.44 prints "(null)" for an error that is no string, and
** Neovim reads NULL.
*/
#ifndef tls_lua_door_h
#define tls_lua_door_h

#include <stdbool.h>

#include "compat.h"
#include "libuv_symbols.h"

/* Make what tls_door_call() enters by: a registry reference. [-0, +0] */
int tls_door_open (lua_State *L);

/* Run fn(arg) on the main thread 'L', with 'arg' as a light userdata. 'door' is
** what tls_door_open() has returned. Nothing is allocated outside of the
** protected call. False when it threw and the host went on. When there was no
** memory, the host is not told but '*out_of_memory' is set, if it is given.
** [-0, +0] */
bool tls_door_call (lua_State *L, const struct tls_luv_context *luv, int door,
                    lua_CFunction fn, void *arg, bool *out_of_memory);

/* Replace the function at the bottom of the stack, and the arguments above it,
** by a function for luv: it calls that one with these arguments before its
** own, and what it throws goes to the host's policy as text. When there was no
** memory, and the first argument is a table with a method _memory_out, that is
** called first: where it returns true, the host is not told. 'luv' is
** borrowed. [-n, +1] */
void tls_door_push (lua_State *L, const struct tls_luv_context *luv);

/* core.attempt(fn, ...) -> ok, results or error: pcall() for a function of
** ours whose error is emitted, or given to a callback, whoever has called us:
** it gets no place. */
int tls_door_attempt (lua_State *L);

/* Run the function on top while the Lua state is being closed. Nobody is left
** who could be told of its error. [-1, +0] */
void tls_door_call_at_end (lua_State *L);

/* Whether a C function is one of these, at which the search for the user's
** call ends: what is below it on the stack has not called what is above, or
** is not to be told. */
bool tls_door_is (lua_CFunction fn);

#endif
