/*
** connection: userdata that binds an engine to one of luv's streams, or to none
** (it is then fed and drained from Lua). Born closed, then attached; the handle
** stays luv's, and Lua alone closes it, after conn:close().
*/
#ifndef tls_connection_h
#define tls_connection_h

#include "connection_state.h"

/* Push a conn that is born closed: it has no engine. [-0, +1] */
struct conn *tls_conn_push_new (lua_State *L, struct tls_env *env);

struct conn *tls_conn_check (lua_State *L);      /* at index 1 */
struct conn *tls_conn_check_open (lua_State *L); /* NULL once closed */

/* Answer whether Lua has to call drive(): not when it is called from within,
** and not twice. [-0, +1]; returns 1 */
int tls_conn_push_poke (lua_State *L, struct conn *c);

/* Stack: the conn, the socket, luv's handle at 1, 2 and 3. Throws when it is no
** stream, or is in use. */
void tls_conn_attach (lua_State *L, struct conn *c);
void tls_conn_detach (struct conn *c); /* leave the stream */

void tls_conn_release (struct conn *c); /* frees what nothing uses any more */

/* Behind a call that may have run OpenSSL, which may have asked the user for a
** key: was the connection closed meanwhile? Then it is freed, as far as it may
** be. */
bool tls_conn_gone (struct conn *c);

int tls_conn_gc (lua_State *L); /* __gc */

#endif
