/*
** session_der: an SSL_SESSION as a Lua string, in DER (i2d_SSL_SESSION(3)).
** It holds the session's keys, so buffers on the way are cleansed.
*/
#ifndef tls_credentials_session_der_h
#define tls_credentials_session_der_h

#include <openssl/ssl.h>

#include "lua/owned_pointer.h"

/* Push the DER of 'session', or nil when OpenSSL has none. [-0, +1] */
void tls_session_der_push (lua_State *L, SSL_SESSION *session);

/* Push the owner of the session whose DER is at 'arg', and return the
** session; NULL when that is not a string, or not a session. [-0, +1] */
SSL_SESSION *tls_session_der_read (lua_State *L, int arg);

#endif
