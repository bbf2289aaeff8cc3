/*
** error_place: where the user's program has called us with a mistake: a
** place in the message of the error that is thrown, "app.lua:12: ...", and a
** traceback.
*/
#ifndef tls_lua_error_place_h
#define tls_lua_error_place_h

#include <stdbool.h>

#include "compat.h"

/* core.ownFolder(name): the caller is a file of ours with that name, below
** the folder of our Lua layer: files in it are no part of the user's
** program. */
int tls_error_place_own_folder (lua_State *L);

/* Put the place into the error on top of the stack, and a traceback into its
** field 'stack'. An error that is not ours, or has a stack, stays as it is;
** so does one that the loop has called for, and not the user. [-0, +0] */
void tls_error_place_add (lua_State *L);

/* Whether the frame, with 'S' filled in, is in a file of our Lua layer. */
bool tls_error_place_is_ours (lua_State *L, const lua_Debug *ar);

/* core.throw(err): throws any value; an error of ours with its place. */
int tls_error_place_throw (lua_State *L);

#endif
