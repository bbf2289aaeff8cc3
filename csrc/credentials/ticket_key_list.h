/*
** ticket_key_list: the keys of session tickets as Lua gives them.
*/
#ifndef tls_credentials_ticket_key_list_h
#define tls_credentials_ticket_key_list_h

#include "lua/compat.h"

/* core.joinTicketKeys(keys) -> one string. A key is a string of
** TLS_TICKET_KEY_SIZE bytes; 'keys' is one key, or a sequence of keys, which
** are joined. Else nil and the index of the first value that is not a key: 0
** when 'keys' itself is not a key, or is an empty sequence. */
int tls_ticket_key_list_join (lua_State *L);

#endif
