/*
** ech_table: what became of Encrypted Client Hello. A method of a connection,
** as those of queries.
*/
#ifndef tls_connection_ech_table_h
#define tls_connection_ech_table_h

#include "lua/compat.h"

/* -> a tls.Ech, see lua/tls/types/values.lua */
int tls_ech_table (lua_State *L);

#endif
