/*
** session: an SSL_SESSION as a Lua string, in DER (i2d_SSL_SESSION(3)). It
** holds the session's keys: buffers on the way are cleansed.
*/
#ifndef tls_session_der_h
#define tls_session_der_h

#include <openssl/ssl.h>

#include "lua/owned_pointer.h"

/* Push the DER of 'session'. [-0, +1] */
void tls_session_push (lua_State *L, SSL_SESSION *session);

/* Push a owned for an SSL_SESSION. [-0, +1] */
struct tls_owned *tls_session_push_owned (lua_State *L);

/* Push a owned with the session whose DER is at 'arg' and return that session;
** NULL (and an empty owned) when it is none, or no string. [-0, +1] */
SSL_SESSION *tls_session_read (lua_State *L, int arg);

#endif
