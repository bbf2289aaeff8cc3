/*
** connection: userdata that binds an engine to one of luv's streams, or to none
** (it is then fed and drained from Lua). Born closed, then attached; the handle
** stays luv's, and Lua alone closes it, after conn:close().
*/
#ifndef tls_connection_h
#define tls_connection_h

#include "connection_state.h"

/* Push a conn that is born closed: it has no engine. [-0, +1] */
struct tls_connection *tls_connection_push_new (lua_State *L,
                                                struct tls_lua_state *state);

struct tls_connection *tls_connection_check (lua_State *L); /* at index 1 */
struct tls_connection *
tls_connection_check_open (lua_State *L); /* NULL once closed */

/* Answer whether Lua has to call drive(): not when it is called from within,
** and not twice. [-0, +1]; returns 1 */
int tls_connection_push_needs_drive (lua_State *L, struct tls_connection *c);

/* Stack: the conn, the socket, luv's handle at 1, 2 and 3. Throws when it is no
** stream, or is in use. */
void tls_connection_attach (lua_State *L, struct tls_connection *c);
void tls_connection_detach (struct tls_connection *c); /* leave the stream */

void tls_connection_release (
    struct tls_connection *c); /* frees what nothing uses any more */

/* Behind a call that may have run OpenSSL, which may have asked the user for a
** key: was the connection closed meanwhile? Then it is freed, as far as it may
** be. */
bool tls_connection_closed_meanwhile (struct tls_connection *c);

int tls_connection_gc (lua_State *L); /* __gc */

#endif
