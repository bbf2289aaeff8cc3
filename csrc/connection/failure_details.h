/*
** failure_details: what a message about a failed handshake may need.
*/
#ifndef tls_connection_failure_details_h
#define tls_connection_failure_details_h

#include "lua/compat.h"

/* conn:getFailureDetails() -> a table of what failure_details.c describes;
** nil once the connection is closed */
int tls_connection_failure_details (lua_State *L);

#endif
