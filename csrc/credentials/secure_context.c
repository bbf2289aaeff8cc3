/*
** secure_context: a userdata over an SSL_CTX, see secure_context.h.
*/
#include "secure_context.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "certificate_fields.h"
#include "certificate_compression.h"
#include "certificate_table.h"
#include "context_options.h"
#include "default_ca.h"
#include "engine/threads.h"
#include "engine/callbacks.h"
#include "engine/session_tickets.h"
#include "engine/session_context.h"
#include "key_log_file.h"
#include "lua/lua_error.h"
#include "lua/table_fields.h"
#include "lua/lua_state.h"
#include "lua/owned_pointer.h"
#include "text.h"

#define CONTEXT_T "tls.context"

/* What peers are verified by. */
enum trust {
  TRUST_OWN,      /* by a store of its own */
  TRUST_SHARED,   /* by the default store, to which nothing may be added */
  TRUST_LATER,    /* by the system's store, as soon as it is needed */
  TRUST_OWN_LATER /* by its own, to which the system's is added then */
};

struct context {
  SSL_CTX *ctx; /* owned; NULL until made, and once finalized */
  enum trust trust;
};

/* Finalizers of older objects may still see a finalized context: at the end of
** the Lua state, or when both are collected together. */
static int throw_finalized (lua_State *L) {
  struct tls_error e;
  if (tls_lua_state_get(L)->closing)
    tls_error_set(&e, "ERR_LUA_STATE_CLOSING",
                  "The Lua state is being closed, and the SecureContext has "
                  "been finalized: use it before the program ends, not in a "
                  "finalizer");
  else
    tls_error_set(&e, "ERR_TLS_INVALID_STATE",
                  "The SecureContext has been collected: keep a reference to "
                  "it outside of the object whose finalizer uses it");
  return tls_throw(L, &e);
}

static struct context *check_context (lua_State *L, int arg) {
  struct context *c = luaL_checkudata(L, arg, CONTEXT_T);
  if (c->ctx == NULL)
    throw_finalized(L);
  return c;
}

SSL_CTX *tls_secure_context_check (lua_State *L, int arg) {
  return check_context(L, arg)->ctx;
}

static int context_gc (lua_State *L) {
  struct context *c = luaL_checkudata(L, 1, CONTEXT_T);
  SSL_CTX_free(c->ctx); /* NULL is allowed; connections hold references */
  c->ctx = NULL;
  return 0;
}

/* The system's store takes long to load, and most servers verify nobody: it
** is loaded when the first connection needs it. */
void tls_secure_context_need_anchors (lua_State *L, int arg) {
  struct context *c = check_context(L, arg);
  if (c->trust == TRUST_LATER) {
    X509_STORE *system = tls_default_ca_system(L);
    tls_threads_stop();
    SSL_CTX_set1_cert_store(c->ctx, system);
    tls_threads_go_on();
    c->trust = TRUST_SHARED;
  } else if (c->trust == TRUST_OWN_LATER) {
    X509_STORE *system = tls_default_ca_system(L);
    tls_threads_stop();
    bool added =
        tls_default_ca_add_store(SSL_CTX_get_cert_store(c->ctx), system);
    tls_threads_go_on();
    if (!added)
      tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED", "out of memory");
    c->trust = TRUST_OWN;
  }
}

static bool given (lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  bool present = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return present;
}

/* A new SSL_CTX has an empty store of its own. The option 'ca' replaces the
** default CA certificates. What 'crl' and 'pfx' load beside them must not end
** up in a shared store. */
static void choose_store (lua_State *L, struct context *c) {
  X509_STORE *chosen = tls_default_ca_chosen(L);
  bool own = given(L, "crl") || given(L, "pfx");
  if (given(L, "ca"))
    return;
  tls_require(L, tls_default_ca_verifies(L, c->ctx));
  if (chosen == NULL) {
    c->trust = own ? TRUST_OWN_LATER : TRUST_LATER;
  } else if (own) {
    tls_require(
        L, tls_default_ca_add_store(SSL_CTX_get_cert_store(c->ctx), chosen));
  } else {
    SSL_CTX_set1_cert_store(c->ctx, chosen);
    c->trust = TRUST_SHARED;
  }
}

int tls_secure_context_add_ca (lua_State *L) {
  struct context *c = check_context(L, 1);
  struct tls_text pem = tls_text_check(L, 2);
  ERR_clear_error();
  if (c->trust == TRUST_LATER) {
    c->trust = TRUST_OWN_LATER; /* the empty store that it was made with */
  } else if (c->trust == TRUST_SHARED) {
    X509_STORE *own = tls_default_ca_copy_store(SSL_CTX_get_cert_store(c->ctx));
    tls_require(L, own != NULL);
    tls_threads_stop();
    SSL_CTX_set_cert_store(c->ctx, own); /* takes it over */
    tls_threads_go_on();
    c->trust = TRUST_OWN;
  }
  X509_STORE *store = SSL_CTX_get_cert_store(c->ctx);
  tls_threads_stop(); /* what clients are asked for is in a list of it */
  bool added = tls_pem_load_anchors(store, c->ctx, pem) &&
               tls_session_context_add(c->ctx, pem.data, pem.size);
  tls_threads_go_on();
  if (!added)
    return tls_return_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                              "OpenSSL refused the certificate");
  lua_pushboolean(L, true);
  return 1;
}

static void set_defaults (SSL_CTX *ctx) {
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  /* lua/tls/handshake/renegotiation.lua limits renegotiation */
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION |
                               SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
  tls_certificate_compression_forbid(ctx);
  /* sessions are kept by the user, if at all */
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH |
                                          SSL_SESS_CACHE_NO_INTERNAL |
                                          SSL_SESS_CACHE_NO_AUTO_CLEAR);
}

/* Push a buffer with the ticket keys, and return their size. A finalizer of the
** user's may replace the keys while memory for the buffer is allocated: then
** it has to fit the new ones. [-0, +1] */
static size_t copy_ticket_keys (lua_State *L, SSL_CTX *ctx) {
  size_t count, room;
  const unsigned char *keys = tls_ticket_keys_get(ctx, &count);
  unsigned char *copy;
  lua_pushnil(L);
  do {
    room = count;
    lua_pop(L, 1);
    copy = tls_push_buffer(L, room * TLS_TICKET_KEY_SIZE);
    keys = tls_ticket_keys_get(ctx, &count);
  } while (count > room);
  if (count > 0)
    memcpy(copy, keys, count * TLS_TICKET_KEY_SIZE);
  return count * TLS_TICKET_KEY_SIZE;
}

int tls_secure_context_ticket_keys (lua_State *L) {
  SSL_CTX *ctx = tls_secure_context_check(L, 1);
  if (!lua_isnoneornil(L, 2)) {
    lua_settop(L, 2);
    tls_context_options_set_ticket_keys(L, ctx);
  }
  size_t size = copy_ticket_keys(L, ctx);
  unsigned char *keys = lua_touserdata(L, -1);
  lua_pushlstring(L, (const char *)keys, size);
  lua_pushlstring(L, (const char *)keys, size > 0 ? TLS_TICKET_KEY_SIZE : 0);
  OPENSSL_cleanse(keys, size);
  return 2;
}

int tls_secure_context_certificate (lua_State *L) {
  SSL_CTX *ctx = tls_secure_context_check(L, 1);
  X509 *cert = SSL_CTX_get0_certificate(ctx);
  STACK_OF(X509) *chain = NULL;
  if (cert == NULL)
    return 0;
  SSL_CTX_get0_chain_certs(ctx, &chain);
  tls_certificate_push_der(L, cert);
  tls_certificate_push_issuer(L, cert, chain, SSL_CTX_get_cert_store(ctx));
  return 2;
}

int tls_secure_context_has_key (lua_State *L) {
  SSL_CTX *ctx = tls_secure_context_check(L, 1);
  lua_pushboolean(L, SSL_CTX_get0_privatekey(ctx) != NULL);
  return 1;
}

/* A certificate without a chain gets one from 'ca' now, not in each
** handshake. The root is left out: a peer that trusts it has it. When no
** chain is found, the certificate is sent alone. */
static void complete_chains (SSL_CTX *ctx) {
  STACK_OF(X509) * chain;
  long more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  for (; more == 1; more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {
    SSL_CTX_get0_chain_certs(ctx, &chain);
    if (sk_X509_num(chain) <= 0)
      SSL_CTX_build_cert_chain(ctx, SSL_BUILD_CHAIN_FLAG_NO_ROOT |
                                        SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR |
                                        SSL_BUILD_CHAIN_FLAG_CLEAR_ERROR);
  }
  ERR_clear_error();
}

/* -> nil, the error, the option's name, the entry's index or 0, and the
** security level that is in force. */
static int push_refused (lua_State *L, SSL_CTX *ctx,
                         const struct tls_refused_option *refused) {
  lua_pushnil(L);
  tls_push_error(L, &refused->error);
  lua_pushstring(L, refused->name);
  lua_pushinteger(L, refused->index);
  lua_pushinteger(L, SSL_CTX_get_security_level(ctx));
  return 5;
}

int tls_secure_context_new (lua_State *L) {
  struct context *c;
  struct tls_refused_option refused;
  tls_lua_state_check_alive(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  c = lua_newuserdatauv(L, sizeof *c, 0);
  c->ctx = NULL;
  c->trust = TRUST_OWN;
  luaL_setmetatable(L, CONTEXT_T);
  ERR_clear_error();
  c->ctx = SSL_CTX_new(TLS_method());
  tls_require(L, c->ctx != NULL);
  set_defaults(c->ctx);
  tls_callbacks_install(c->ctx);
  tls_key_log_file_install(c->ctx);
  tls_require(L, tls_ticket_keys_install(c->ctx));
  choose_store(L, c);
  if (!tls_context_options_apply(L, c->ctx, &refused)) /* c owns ctx */
    return push_refused(L, c->ctx, &refused);
  if (given(L, "ca") || given(L, "pfx"))
    complete_chains(c->ctx);
  if (given(L, "certificateCompression"))
    tls_certificate_compression_apply(c->ctx);
  return 1;
}

void tls_secure_context_open (lua_State *L) {
  tls_register_type(L, CONTEXT_T, context_gc);
}
