/*
** context: userdata over an SSL_CTX, see context.h.
*/
#include "secure_context.h"

#include <string.h>

#include <openssl/err.h>

#include "pem.h"
#include "engine/sessions.h"
#include "lua/lua_state.h"
#include "engine/callbacks.h"
#include "pkcs12.h"
#include "lua/lua_error.h"
#include "engine/session_tickets.h"
#include "default_ca.h"
#include "certificate_table.h"

#define CONTEXT_T "tls.context"
enum trust {
  TRUST_OWN,      /* a store of its own */
  TRUST_SHARED,   /* the default one, which must not be added to */
  TRUST_LATER,    /* the system's, once a peer has to be verified */
  TRUST_OWN_LATER /* its own, to which the system's is added then */
};

struct context {
  SSL_CTX *ctx; /* owned; NULL until opened */
  enum trust trust;
};

/* Finalized contexts are still seen by older objects' finalizers. */
static struct context *check_context (lua_State *L, int arg) {
  struct context *c = luaL_checkudata(L, arg, CONTEXT_T);
  luaL_argcheck(L, c->ctx != NULL, arg, "context is closed");
  return c;
}

SSL_CTX *tls_context_check (lua_State *L, int arg) {
  return check_context(L, arg)->ctx;
}

static int context_gc (lua_State *L) {
  struct context *c = luaL_checkudata(L, 1, CONTEXT_T);
  SSL_CTX_free(c->ctx); /* NULL is allowed; connections hold references */
  c->ctx = NULL;
  return 0;
}

/* Most servers never verify anybody: the system's store waits until then. */
void tls_context_trust (lua_State *L, int arg) {
  struct context *c = check_context(L, arg);
  if (c->trust == TRUST_LATER) {
    SSL_CTX_set1_cert_store(c->ctx, tls_trust_system(L));
    c->trust = TRUST_SHARED;
  } else if (c->trust == TRUST_OWN_LATER) {
    X509_STORE *own = SSL_CTX_get_cert_store(c->ctx);
    if (!tls_trust_add(own, tls_trust_system(L)))
      tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED", "out of memory");
    c->trust = TRUST_OWN;
  }
}

/* The field 'name' of the table on top as text; false when it is nil. The
** string stays reachable through the table. [-0, +0] */
static bool text_field (lua_State *L, const char *name, struct tls_text *t) {
  lua_getfield(L, -1, name);
  bool present = !lua_isnil(L, -1);
  t->data = "";
  t->size = 0;
  if (present)
    t->data = luaL_checklstring(L, -1, &t->size);
  lua_pop(L, 1);
  return present;
}

static void require_ok (lua_State *L, bool ok) {
  if (!ok)
    tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                      "OpenSSL refused the option");
}

/* Our own words say it better than OpenSSL's queue. */
static void throw_plain (lua_State *L, const char *code, const char *message) {
  ERR_clear_error();
  tls_throw_openssl(L, code, message);
}

/* Each option is applied with its value on top of the stack. [-0, +0] */

static void set_ciphers (lua_State *L, SSL_CTX *ctx) {
  require_ok(L, SSL_CTX_set_cipher_list(ctx, luaL_checkstring(L, -1)));
}

static void set_ciphersuites (lua_State *L, SSL_CTX *ctx) {
  require_ok(L, SSL_CTX_set_ciphersuites(ctx, luaL_checkstring(L, -1)));
}

static void set_minVersion (lua_State *L, SSL_CTX *ctx) {
  int version = (int)luaL_checkinteger(L, -1);
  require_ok(L, SSL_CTX_set_min_proto_version(ctx, version));
}

static void set_maxVersion (lua_State *L, SSL_CTX *ctx) {
  int version = (int)luaL_checkinteger(L, -1);
  require_ok(L, SSL_CTX_set_max_proto_version(ctx, version));
}

static void set_ecdhCurve (lua_State *L, SSL_CTX *ctx) {
  if (SSL_CTX_set1_groups_list(ctx, luaL_checkstring(L, -1)))
    return;
  throw_plain(L, "ERR_CRYPTO_OPERATION_FAILED", "Failed to set ECDH curve");
}

static void set_sigalgs (lua_State *L, SSL_CTX *ctx) {
  require_ok(L, SSL_CTX_set1_sigalgs_list(ctx, luaL_checkstring(L, -1)));
}

static void set_honorCipherOrder (lua_State *L, SSL_CTX *ctx) {
  if (lua_toboolean(L, -1))
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
}

static void set_secureOptions (lua_State *L, SSL_CTX *ctx) {
  SSL_CTX_set_options(ctx, (uint64_t)luaL_checkinteger(L, -1));
}

static void set_sessionTimeout (lua_State *L, SSL_CTX *ctx) {
  SSL_CTX_set_timeout(ctx, (long)luaL_checkinteger(L, -1));
}

/* It is part, too, of what sessions of verified clients are good for. */
static void set_sessionIdContext (lua_State *L, SSL_CTX *ctx) {
  size_t n;
  const char *id = luaL_checklstring(L, -1, &n);
  require_ok(L, tls_context_verifies_by(ctx, id, n));
  require_ok(L, SSL_CTX_set_session_id_context(ctx, (const unsigned char *)id,
                                               (unsigned)n));
}

static void set_ticketKeys (lua_State *L, SSL_CTX *ctx) {
  size_t n;
  const char *keys = luaL_checklstring(L, -1, &n);
  require_ok(L, n >= TLS_TICKET_KEY && n % TLS_TICKET_KEY == 0 &&
                    tls_tickets_set(ctx, (const unsigned char *)keys,
                                    n / TLS_TICKET_KEY));
}

/* Each early data may come once: what was promised is remembered in here, the
** one use that is made of OpenSSL's own cache (SSL_CTX_set_max_early_data(3)).
*/
static void set_maxEarlyData (lua_State *L, SSL_CTX *ctx) {
  uint32_t n = (uint32_t)luaL_checkinteger(L, -1);
  if (n == 0)
    return;
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH);
  require_ok(L, SSL_CTX_set_max_early_data(ctx, n) &&
                    SSL_CTX_set_recv_max_early_data(ctx, n));
}

static void set_dhparam (lua_State *L, SSL_CTX *ctx) {
  struct tls_text pem;
  pem.data = luaL_checklstring(L, -1, &pem.size);
  if (pem.size == 4 && memcmp(pem.data, "auto", 4) == 0)
    SSL_CTX_set_dh_auto(ctx, 1);
  else
    require_ok(L, tls_load_dhparam(ctx, pem));
}

/* Run 'load' for each entry of the sequence on top. */
typedef bool (*load_entry)(lua_State *L, SSL_CTX *ctx);

static void each_entry (lua_State *L, SSL_CTX *ctx, load_entry load) {
  int i, n;
  luaL_checktype(L, -1, LUA_TTABLE);
  n = (int)lua_rawlen(L, -1);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    require_ok(L, load(L, ctx));
    lua_pop(L, 1);
  }
}

static bool load_cert (lua_State *L, SSL_CTX *ctx) {
  struct tls_text pem;
  pem.data = luaL_checklstring(L, -1, &pem.size);
  return tls_load_cert(ctx, pem);
}

static bool load_key (lua_State *L, SSL_CTX *ctx) {
  struct tls_text pem, passphrase;
  text_field(L, "pem", &pem);
  text_field(L, "passphrase", &passphrase);
  return tls_load_key(ctx, pem, passphrase);
}

static bool load_ca (lua_State *L, SSL_CTX *ctx) {
  struct tls_text pem;
  pem.data = luaL_checklstring(L, -1, &pem.size);
  return tls_load_anchors(SSL_CTX_get_cert_store(ctx), ctx, pem) &&
         tls_context_verifies_by(ctx, pem.data, pem.size);
}

static bool load_crl (lua_State *L, SSL_CTX *ctx) {
  struct tls_text pem;
  pem.data = luaL_checklstring(L, -1, &pem.size);
  return tls_load_crl(SSL_CTX_get_cert_store(ctx), pem) &&
         tls_context_verifies_by(ctx, pem.data, pem.size);
}

static bool load_pfx (lua_State *L, SSL_CTX *ctx) {
  struct tls_text buf, passphrase;
  text_field(L, "buf", &buf);
  text_field(L, "passphrase", &passphrase);
  switch (tls_load_pfx(ctx, SSL_CTX_get_cert_store(ctx), buf, passphrase)) {
    case TLS_PFX_LOADED:
      return tls_context_verifies_by(ctx, buf.data, buf.size);
    case TLS_PFX_FAILED: return false;
    case TLS_PFX_NO_KEY:
      throw_plain(L, "ERR_CRYPTO_OPERATION_FAILED",
                  "Unable to load private key from PFX data");
      return false;
    case TLS_PFX_UNSUPPORTED:
      throw_plain(L, "ERR_CRYPTO_UNSUPPORTED_OPERATION",
                  "Unsupported PKCS12 PFX data");
  }
  return false;
}

static void set_cert (lua_State *L, SSL_CTX *ctx) {
  each_entry(L, ctx, load_cert);
}

static void set_key (lua_State *L, SSL_CTX *ctx) {
  each_entry(L, ctx, load_key);
}

static void set_ca (lua_State *L, SSL_CTX *ctx) {
  each_entry(L, ctx, load_ca);
}

static void set_crl (lua_State *L, SSL_CTX *ctx) {
  each_entry(L, ctx, load_crl);
}

static void set_pfx (lua_State *L, SSL_CTX *ctx) {
  each_entry(L, ctx, load_pfx);
}

static void set_allowPartialTrustChain (lua_State *L, SSL_CTX *ctx) {
  X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
  if (lua_toboolean(L, -1))
    require_ok(L,
               X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) &&
                   tls_context_verifies_by(ctx, "partial", 7));
}

/* In the order they are applied: ciphers come first because their @SECLEVEL
** judges keys and certificates, certificates before their keys. */
/* clang-format off */
#define CONTEXT_OPTIONS(X) \
  X(ciphers)               \
  X(ciphersuites)          \
  X(minVersion)            \
  X(maxVersion)            \
  X(ecdhCurve)             \
  X(sigalgs)               \
  X(honorCipherOrder)      \
  X(secureOptions)         \
  X(sessionTimeout)        \
  X(sessionIdContext)      \
  X(ticketKeys)            \
  X(maxEarlyData)          \
  X(dhparam)               \
  X(ca)                    \
  X(crl)                   \
  X(pfx)                   \
  X(cert)                  \
  X(key)                   \
  X(allowPartialTrustChain)
/* clang-format on */

static const struct {
  const char *name;
  void (*apply)(lua_State *L, SSL_CTX *ctx);
} options[] = {
#define X(name) {#name, set_##name},
    CONTEXT_OPTIONS(X)
#undef X
};

/* Stack: the options at index 1. */
static void apply_options (lua_State *L, SSL_CTX *ctx) {
  size_t i;
  for (i = 0; i < sizeof options / sizeof options[0]; i++) {
    lua_getfield(L, 1, options[i].name);
    if (!lua_isnil(L, -1))
      options[i].apply(L, ctx);
    lua_pop(L, 1);
  }
}

static bool given (lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  bool present = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return present;
}

/* A new SSL_CTX has an empty store of its own. 'ca' replaces the default
** anchors; what is loaded beside them (a list of revocations, the others of a
** pfx) must not end up in a shared store. */
static void choose_store (lua_State *L, struct context *c) {
  X509_STORE *chosen = tls_trust_chosen(L);
  bool own = given(L, "crl") || given(L, "pfx");
  if (given(L, "ca"))
    return;
  require_ok(L, tls_trust_verifies(L, c->ctx));
  if (chosen == NULL) {
    c->trust = own ? TRUST_OWN_LATER : TRUST_LATER;
  } else if (own) {
    require_ok(L, tls_trust_add(SSL_CTX_get_cert_store(c->ctx), chosen));
  } else {
    SSL_CTX_set1_cert_store(c->ctx, chosen);
    c->trust = TRUST_SHARED;
  }
}

int tls_context_add_ca (lua_State *L) {
  struct context *c = check_context(L, 1);
  struct tls_text pem;
  pem.data = luaL_checklstring(L, 2, &pem.size);
  ERR_clear_error();
  if (c->trust == TRUST_LATER) {
    c->trust = TRUST_OWN_LATER; /* the store it was made with is its own */
  } else if (c->trust == TRUST_SHARED) {
    X509_STORE *own = tls_trust_copy(SSL_CTX_get_cert_store(c->ctx));
    require_ok(L, own != NULL);
    SSL_CTX_set_cert_store(c->ctx, own); /* takes it over */
    c->trust = TRUST_OWN;
  }
  X509_STORE *store = SSL_CTX_get_cert_store(c->ctx);
  require_ok(L, tls_load_anchors(store, c->ctx, pem) &&
                    tls_context_verifies_by(c->ctx, pem.data, pem.size));
  return 0;
}

static void set_defaults (SSL_CTX *ctx) {
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  /* renegotiation is limited, see renegotiate.lua */
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION |
                               SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
  /* sessions are kept by who asks for them, never in here */
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH |
                                          SSL_SESS_CACHE_NO_INTERNAL |
                                          SSL_SESS_CACHE_NO_AUTO_CLEAR);
}

int tls_context_ticket_keys (lua_State *L) {
  SSL_CTX *ctx = tls_context_check(L, 1);
  if (!lua_isnoneornil(L, 2)) {
    lua_settop(L, 2);
    set_ticketKeys(L, ctx);
  }
  size_t count;
  const unsigned char *keys = tls_tickets_get(ctx, &count);
  lua_pushlstring(L, (const char *)keys, count * TLS_TICKET_KEY);
  return 1;
}

int tls_context_certificate (lua_State *L) {
  SSL_CTX *ctx = tls_context_check(L, 1);
  X509 *cert = SSL_CTX_get0_certificate(ctx);
  STACK_OF(X509) *chain = NULL;
  if (cert == NULL)
    return 0;
  SSL_CTX_get0_chain_certs(ctx, &chain);
  tls_x509_push_der(L, cert);
  tls_x509_push_issuer(L, cert, chain, SSL_CTX_get_cert_store(ctx));
  return 2;
}

/* A certificate that came without its chain gets it from 'ca', once and not in
** each handshake. The root stays at home: who trusts it has it. */
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

int tls_context_new (lua_State *L) {
  struct context *c;
  tls_env_check_alive(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  c = lua_newuserdatauv(L, sizeof *c, 0);
  c->ctx = NULL;
  c->trust = TRUST_OWN;
  luaL_setmetatable(L, CONTEXT_T);
  ERR_clear_error();
  c->ctx = SSL_CTX_new(TLS_method());
  require_ok(L, c->ctx != NULL);
  set_defaults(c->ctx);
  tls_hooks_install(c->ctx);
  require_ok(L, tls_tickets_install(c->ctx));
  choose_store(L, c);
  apply_options(L, c->ctx); /* may throw: c owns ctx */
  if (given(L, "ca") || given(L, "pfx"))
    complete_chains(c->ctx);
  return 1;
}

void tls_context_open (lua_State *L) {
  luaL_newmetatable(L, CONTEXT_T);
  lua_pushcfunction(L, context_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
