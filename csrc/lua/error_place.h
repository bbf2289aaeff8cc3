/*
** error_place: where the user's program has called us with a mistake: a
** place in the message of the error that is thrown, "app.lua:12: ...", and a
** traceback.
*/
#ifndef tls_lua_error_place_h
#define tls_lua_error_place_h

#include "compat.h"

/* Put the place into the error on top of the stack, and a traceback into its
** field 'stack'. An error that is not ours, or has a stack, stays as it is;
** so does one that the loop has called for, and not the user. [-0, +0] */
void tls_error_place_add (lua_State *L);

/* core.throw(err): throws any value; an error of ours with its place. */
int tls_error_place_throw (lua_State *L);

#endif
