/*
** environment: environment variables, see environment.h.
*/
#define _GNU_SOURCE /* secure_getenv */
#include "environment.h"

#include <stdlib.h>
#include <unistd.h>

const char *tls_environment_get (const char *name) {
#ifdef __linux__ /* glibc 2.17, musl 1.1.24: also asks for capabilities */
  return secure_getenv(name);
#else /* the BSDs, macOS, Solaris */
  return issetugid() ? NULL : getenv(name);
#endif
}

int tls_environment_push (lua_State *L) {
  lua_pushstring(L,
                 tls_environment_get(luaL_checkstring(L, 1))); /* NULL: nil */
  return 1;
}
