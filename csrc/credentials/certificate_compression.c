/*
** certificate_compression: see certificate_compression.h and
** SSL_CTX_set1_cert_comp_preference(3).
*/
#include "certificate_compression.h"

#include <string.h>

#include <openssl/err.h>

#include "engine/ossl_compat.h"

#if TLS_CERTIFICATE_COMPRESSION

static const struct {
  const char *name;
  int id;
} algorithms[] = {{"zlib", TLSEXT_comp_cert_zlib},
                  {"brotli", TLSEXT_comp_cert_brotli},
                  {"zstd", TLSEXT_comp_cert_zstd}};

enum { COUNT = sizeof algorithms / sizeof algorithms[0] };

/* 0 for a name that is none. */
static int id_of (const char *name) {
  int i;
  for (i = 0; i < COUNT; i++)
    if (strcmp(algorithms[i].name, name) == 0)
      return algorithms[i].id;
  return 0;
}

void tls_certificate_compression_forbid (SSL_CTX *ctx) {
  SSL_CTX_set_options(ctx, TLS_OP_NO_COMPRESSION_AT_ALL);
}

bool tls_certificate_compression_set (lua_State *L, SSL_CTX *ctx) {
  int ids[COUNT];
  int i, n = (int)lua_rawlen(L, -1);
  for (i = 0; i < n && i < COUNT; i++) {
    lua_rawgeti(L, -1, i + 1);
    ids[i] = id_of(luaL_checkstring(L, -1));
    lua_pop(L, 1);
  }
  SSL_CTX_clear_options(ctx, TLS_OP_NO_COMPRESSION_AT_ALL);
  return SSL_CTX_set1_cert_comp_preference(ctx, ids, (size_t)i) == 1;
}

void tls_certificate_compression_apply (SSL_CTX *ctx) {
  SSL_CTX_compress_certs(ctx, 0); /* fails when none has become smaller */
  ERR_clear_error();
}

/* A bit for each algorithm that OpenSSL takes: it was built with it, or could
** load it. */
static unsigned usable (void) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_method());
  unsigned bits = 0;
  int i;
  for (i = 0; ctx != NULL && i < COUNT; i++) {
    int id = algorithms[i].id;
    if (SSL_CTX_set1_cert_comp_preference(ctx, &id, 1) == 1)
      bits |= 1u << i;
  }
  SSL_CTX_free(ctx); /* NULL is allowed */
  ERR_clear_error();
  return bits;
}

int tls_certificate_compression_names (lua_State *L) {
  unsigned bits = usable();
  int i, count = 0;
  lua_newtable(L);
  for (i = 0; i < COUNT; i++) {
    if ((bits & (1u << i)) == 0)
      continue;
    lua_pushstring(L, algorithms[i].name);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

#else

void tls_certificate_compression_forbid (SSL_CTX *ctx) {
  (void)ctx;
}

bool tls_certificate_compression_set (lua_State *L, SSL_CTX *ctx) {
  (void)L, (void)ctx;
  return false;
}

void tls_certificate_compression_apply (SSL_CTX *ctx) {
  (void)ctx;
}

int tls_certificate_compression_names (lua_State *L) {
  lua_newtable(L);
  return 1;
}

#endif
