/*
** ticket_key_list: the keys of session tickets as Lua gives them.
*/
#ifndef tls_credentials_ticket_key_list_h
#define tls_credentials_ticket_key_list_h

#include "lua/compat.h"

/* core.joinTicketKeys(keys) -> the key, or the keys of a sequence one behind
** the other. Or nil and the index of the first that is no key, a string of
** TLS_TICKET_KEY_SIZE bytes: 0 when 'keys' itself is none, or an empty
** sequence. */
int tls_join_ticket_keys (lua_State *L);

#endif
