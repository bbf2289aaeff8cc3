/*
** error_text: the metatable of our errors, and the text of any error: what a
** host prints that can print nothing but text.
*/
#ifndef tls_lua_error_text_h
#define tls_lua_error_text_h

#include <stdbool.h>

#include "compat.h"
#include "engine/openssl_error.h"

#define TLS_ERROR_T "tls.error" /* name of the metatable */

/* Make the metatable of all errors and leave it on the stack. [-0, +1] */
void tls_error_open (lua_State *L);

/* Whether the value at 'idx' is an error that was made here or in Lua. */
bool tls_error_is (lua_State *L, int idx);

/* Whether it says that there was no memory. [-0, +0] */
bool tls_error_is_memory (lua_State *L, int idx);

/* Push the text of the error at 'idx', of any type: "message [CODE]" of ours;
** else what __tostring gives, or the fields 'message' and 'code'. Metamethods
** of the user's run protected: it throws only when there is no memory.
** [-0, +1] */
void tls_error_push_text (lua_State *L, int idx);

/* core.errorText(err) -> string: the same for Lua. */
int tls_error_text (lua_State *L);

/* A message handler for lua_pcall(): makes the error text, with a traceback
** of where it was thrown; but not of one of ours that says that there was no
** memory. [-1, +1] */
int tls_error_handler (lua_State *L);

#endif
