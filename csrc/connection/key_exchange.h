/*
** key_exchange: what is known of a handshake's key exchange. Methods of a
** connection, as those of queries.
*/
#ifndef tls_connection_key_exchange_h
#define tls_connection_key_exchange_h

#include "lua/compat.h"

/* -> {type, name, size} of the peer's ephemeral key, {type, name} of a group
** without such keys; {} when there was none, nil on a server */
int tls_key_exchange_info (lua_State *L);

/* -> the group, on either side */
int tls_key_exchange_group (lua_State *L);

/* -> the size in bits of a client's DHE exchange; nil without one */
int tls_key_exchange_dh_size (lua_State *L);

/* -> milliseconds that the handshake has waited for the peer; nil before it has
** been measured, and with OpenSSL before 3.2 */
int tls_key_exchange_rtt (lua_State *L);

#endif
