/*
** client_hello_table: see client_hello_table.h. All functions here set fields
** of the table on top of the stack. [-0, +0]
*/
#include "client_hello_table.h"

#include "engine/client_hello_fields.h"

static void push_piece (lua_State *L, struct tls_piece piece) {
  lua_pushlstring(L, (const char *)piece.data, piece.size);
}

static void set_string (lua_State *L, const char *name,
                        struct tls_piece piece) {
  push_piece(L, piece);
  lua_setfield(L, -2, name);
}

/* nil stands for an empty one. */
static void set_unless_empty (lua_State *L, const char *name,
                              struct tls_piece piece) {
  if (piece.size > 0)
    set_string(L, name, piece);
}

/* A sequence of numbers of 'bytes' bytes each. */
static void set_numbers (lua_State *L, const char *name, struct tls_piece piece,
                         size_t bytes) {
  size_t i, count = piece.size / bytes;
  struct tls_reader r = tls_reader_of(piece);
  lua_createtable(L, (int)count, 0);
  for (i = 1; i <= count; i++) {
    lua_pushinteger(L, tls_read_number(&r, bytes));
    lua_rawseti(L, -2, (int)i);
  }
  lua_setfield(L, -2, name);
}

/* A sequence of strings, each of which has its length in front. */
static void set_names (lua_State *L, const char *name, struct tls_piece piece) {
  int i;
  struct tls_reader r = tls_reader_of(piece);
  lua_newtable(L);
  for (i = 1; r.left > 0; i++) {
    push_piece(L, tls_read_vector(&r, 1));
    lua_rawseti(L, -2, i);
  }
  lua_setfield(L, -2, name);
}

/* The types as a sequence, and the bodies by type. */
static void set_extensions (lua_State *L,
                            const struct tls_client_hello *hello) {
  size_t i;
  lua_createtable(L, (int)hello->count, 0);
  lua_createtable(L, 0, (int)hello->count);
  for (i = 0; i < hello->count; i++) {
    lua_pushinteger(L, hello->types[i]);
    lua_rawseti(L, -3, (int)i + 1);
    push_piece(L, hello->bodies[i]);
    lua_rawseti(L, -2, hello->types[i]);
  }
  lua_setfield(L, -3, "extensionData");
  lua_setfield(L, -2, "extensions");
}

/* What stands outside of the extensions. */
static void set_head (lua_State *L, const struct tls_client_hello *hello) {
  lua_pushinteger(L, (lua_Integer)hello->version);
  lua_setfield(L, -2, "version");
  set_string(L, "random", hello->random);
  set_numbers(L, "ciphers", hello->ciphers, 2);
  set_numbers(L, "compressions", hello->compressions, 1);
}

static void set_fields (lua_State *L, const struct tls_client_hello_fields *f) {
  set_unless_empty(L, "sessionId", f->session_id);
  set_unless_empty(L, "servername", f->server_name);
  set_names(L, "ALPNProtocols", f->protocols);
  set_numbers(L, "versions", f->versions, 2);
  set_numbers(L, "groups", f->groups, 2);
  set_numbers(L, "pointFormats", f->point_formats, 1);
  set_numbers(L, "signatureAlgorithms", f->signature_algorithms, 2);
  lua_pushboolean(L, f->wants_ocsp);
  lua_setfield(L, -2, "wantsOCSP");
}

void tls_client_hello_table_push (lua_State *L,
                                  const struct tls_client_hello *hello) {
  struct tls_client_hello_fields fields;
  tls_client_hello_read_fields(hello, &fields);
  lua_createtable(L, 0, 14); /* the fields of tls.ClientHello */
  set_head(L, hello);
  set_extensions(L, hello);
  set_fields(L, &fields);
}
