/*
** conn_terms: what a connection is to be like, read from a table once, for as
** many connections as share it: all those of a server.
*/
#ifndef tls_options_h
#define tls_options_h

#include "engine/engine.h"
#include "lua/compat.h"

struct tls_connection_options {
  struct tls_engine_options engine; /* without what is a connection's own; its
                                       strings are the table's, which is
                                       pinned */
  bool psk;                         /* the handler 'psk' has the key */
  bool session;                     /* the table has a session to resume */
};

/* Register the metatable. [-0, +0] */
void tls_connection_options_open (lua_State *L);

/* core.connectionOptions(options) -> terms. The table is borrowed, and not to
 *be changed
 ** any more. Booleans: server, requestCert, rejectUnauthorized, askHello,
 ** askVerify, requestOCSP, sessions, keylog, early, psk. Strings: servername,
 ** alpn and npn (wire form), earlyData, session (DER), pskHint, sessionContext.
 */
int tls_connection_options_new (lua_State *L);

/* The terms at 'arg', or an error. */
const struct tls_connection_options *tls_connection_options_check (lua_State *L,
                                                                   int arg);

/* Push the table they were read from. [-0, +1] */
void tls_connection_options_push_table (lua_State *L, int arg);

#endif
