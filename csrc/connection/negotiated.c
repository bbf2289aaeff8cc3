/*
** negotiated: what the handshake has agreed on, see negotiated.h.
*/
#include "negotiated.h"

#include "engine/ossl_compat.h"

static void push_or_false (lua_State *L, const unsigned char *s, unsigned n) {
  if (n == 0)
    lua_pushboolean(L, 0);
  else
    lua_pushlstring(L, (const char *)s, n);
}

void tls_connection_push_servername (lua_State *L, const SSL *ssl) {
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == NULL)
    lua_pushboolean(L, 0);
  else
    lua_pushstring(L, name);
}

void tls_connection_push_negotiated (lua_State *L, struct tls_connection *c) {
  const SSL *ssl = tls_engine_ssl(c->engine);
  const unsigned char *name;
  unsigned n;
  SSL_get0_alpn_selected(ssl, &name, &n);
  push_or_false(L, name, n);
  TLS_GET_NPN(ssl, &name, &n);
  push_or_false(L, name, n);
  tls_connection_push_servername(L, ssl);
}
