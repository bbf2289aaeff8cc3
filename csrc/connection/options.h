/*
** options: a connection's options, read from a Lua table once and shared by
** many connections: all those of a server. Used by methods.c.
*/
#ifndef tls_connection_options_h
#define tls_connection_options_h

#include "engine/engine.h"
#include "lua/compat.h"

struct tls_connection_options {
  struct tls_engine_options engine; /* without what each connection has of its
                                       own; its strings are borrowed from the
                                       Lua table, which a user value keeps */
  bool psk;                         /* the handler 'psk' has the key */
  unsigned char threads;            /* server: see away.h; 0: none */
  bool session;                     /* the table has a session to resume */
};

/* Register the metatable. [-0, +0] */
void tls_connection_options_open (lua_State *L);

/* core.connectionOptions(table) -> options. The table must not be changed from
** then on. Its fields are
**   booleans: server, requestCert, rejectUnauthorized, askClientHello,
**     askVerify, requestOCSP, sessions, keylog, readEarlyData, psk;
**   strings: servername, alpn and npn (as on the wire), earlyData, session
**     (DER), pskHint, ocsp ("check" or "require");
**   integer: threads. */
int tls_connection_options_new (lua_State *L);

/* The options at 'arg'; throws when they are not options. Borrowed. */
const struct tls_connection_options *tls_connection_options_check (lua_State *L,
                                                                   int arg);

/* Push the table they were read from. [-0, +1] */
void tls_connection_options_push_table (lua_State *L, int arg);

#endif
