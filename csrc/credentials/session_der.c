/*
** session_der: an SSL_SESSION as a Lua string, see session_der.h.
*/
#include "session_der.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

void tls_session_der_push (lua_State *L, SSL_SESSION *session) {
  int n = i2d_SSL_SESSION(session, NULL);
  if (n <= 0) {
    ERR_clear_error();
    lua_pushnil(L);
    return;
  }
  unsigned char *der = tls_push_buffer(L, (size_t)n), *at = der;
  i2d_SSL_SESSION(session, &at);
  lua_pushlstring(L, (const char *)der, (size_t)n);
  OPENSSL_cleanse(der, (size_t)n);
  lua_remove(L, -2);
}

SSL_SESSION *tls_session_der_read (lua_State *L, int arg) {
  size_t n;
  const char *der = lua_tolstring(L, arg, &n);
  struct tls_owned *owned = tls_owned_push(L, tls_free_session);
  const unsigned char *at = (const unsigned char *)der;
  if (der != NULL && n < 0x7fffffff)
    owned->p = d2i_SSL_SESSION(NULL, &at, (long)n);
  ERR_clear_error(); /* bytes that are not a session are not an error */
  return owned->p;
}
