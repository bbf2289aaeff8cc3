/*
** contexts_by_name: a userdata with a server's contexts for the names that
** clients ask for (SNI).
*/
#ifndef tls_credentials_contexts_by_name_h
#define tls_credentials_contexts_by_name_h

#include "lua/compat.h"

/* core.contextsByName() -> userdata with two methods:
**   contexts:add(name, context): '*' in it stands for text without a dot; a
**     name that is there already, in whatever case, gets the new context
**   contexts:find(name) -> the context added last of those that match; or
**     nil */
int tls_contexts_by_name_new (lua_State *L);

void tls_contexts_by_name_open (lua_State *L);

#endif
