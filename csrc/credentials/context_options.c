/*
** context_options: the options of a secure context, see context_options.h.
*/
#include "context_options.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/err.h>

#include "certificate_compression.h"
#include "engine/session_tickets.h"
#include "engine/session_context.h"
#include "lua/lua_error.h"
#include "pkcs12.h"
#include "text.h"

/* The string field 'name' of the table on top, which keeps it; empty when
** there is none. [-0, +0] */
static struct tls_text text_field (lua_State *L, const char *name) {
  struct tls_text text = {"", 0};
  lua_getfield(L, -1, name);
  if (!lua_isnil(L, -1))
    text = tls_text_check(L, -1);
  lua_pop(L, 1);
  return text;
}

/* Where our message says more than OpenSSL's. */
static void throw_message (lua_State *L, const char *code,
                           const char *message) {
  ERR_clear_error();
  tls_throw_openssl(L, code, message);
}

/* Each of these applies one option, whose value is on top of the stack.
** [-0, +0] */

static void set_ciphers (lua_State *L, SSL_CTX *ctx) {
  tls_require(L, SSL_CTX_set_cipher_list(ctx, luaL_checkstring(L, -1)));
}

static void set_ciphersuites (lua_State *L, SSL_CTX *ctx) {
  tls_require(L, SSL_CTX_set_ciphersuites(ctx, luaL_checkstring(L, -1)));
}

static void set_minVersion (lua_State *L, SSL_CTX *ctx) {
  int version = (int)luaL_checkinteger(L, -1);
  tls_require(L, SSL_CTX_set_min_proto_version(ctx, version));
}

static void set_maxVersion (lua_State *L, SSL_CTX *ctx) {
  int version = (int)luaL_checkinteger(L, -1);
  tls_require(L, SSL_CTX_set_max_proto_version(ctx, version));
}

static void set_ecdhCurve (lua_State *L, SSL_CTX *ctx) {
  if (SSL_CTX_set1_groups_list(ctx, luaL_checkstring(L, -1)))
    return;
  throw_message(L, "ERR_CRYPTO_OPERATION_FAILED", "Failed to set ECDH curve");
}

static void set_sigalgs (lua_State *L, SSL_CTX *ctx) {
  tls_require(L, SSL_CTX_set1_sigalgs_list(ctx, luaL_checkstring(L, -1)));
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

/* The id also decides which sessions of verified clients may be resumed: see
** tls_session_context_add(). */
static void set_sessionIdContext (lua_State *L, SSL_CTX *ctx) {
  size_t n;
  const char *id = luaL_checklstring(L, -1, &n);
  tls_require(L, tls_session_context_add(ctx, id, n));
  tls_require(L, SSL_CTX_set_session_id_context(ctx, (const unsigned char *)id,
                                                (unsigned)n));
}

void tls_context_options_set_ticket_keys (lua_State *L, SSL_CTX *ctx) {
  size_t n;
  const char *keys = luaL_checklstring(L, -1, &n);
  tls_require(L, n >= TLS_TICKET_KEY_SIZE && n % TLS_TICKET_KEY_SIZE == 0 &&
                     tls_ticket_keys_set(ctx, (const unsigned char *)keys,
                                         n / TLS_TICKET_KEY_SIZE));
}

static void set_ticketKeys (lua_State *L, SSL_CTX *ctx) {
  tls_context_options_set_ticket_keys(L, ctx);
}

static void set_numTickets (lua_State *L, SSL_CTX *ctx) {
  tls_require(L,
              SSL_CTX_set_num_tickets(ctx, (size_t)luaL_checkinteger(L, -1)));
}

/* The same early data must not be accepted twice. OpenSSL sees to that with
** its own cache of sessions, which we use for nothing else
** (SSL_CTX_set_max_early_data(3)). */
static void set_maxEarlyData (lua_State *L, SSL_CTX *ctx) {
  uint32_t n = (uint32_t)luaL_checkinteger(L, -1);
  if (n == 0)
    return;
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH);
  tls_require(L, SSL_CTX_set_max_early_data(ctx, n) &&
                     SSL_CTX_set_recv_max_early_data(ctx, n));
}

static void set_dhparam (lua_State *L, SSL_CTX *ctx) {
  struct tls_text pem = tls_text_check(L, -1);
  if (pem.size == 4 && memcmp(pem.data, "auto", 4) == 0)
    SSL_CTX_set_dh_auto(ctx, 1);
  else
    tls_require(L, tls_pem_load_dhparam(ctx, pem));
}

/* What loads one entry, which is on top of the stack. */
typedef bool (*load_entry)(lua_State *L, SSL_CTX *ctx);

/* Stack: the sequence on top. [-0, +0] */
static void each_entry (lua_State *L, SSL_CTX *ctx, load_entry load) {
  int i, n;
  luaL_checktype(L, -1, LUA_TTABLE);
  n = (int)lua_rawlen(L, -1);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    tls_require(L, load(L, ctx));
    lua_pop(L, 1);
  }
}

static bool load_cert (lua_State *L, SSL_CTX *ctx) {
  return tls_pem_load_cert(ctx, tls_text_check(L, -1));
}

static bool load_key (lua_State *L, SSL_CTX *ctx) {
  struct tls_text pem = text_field(L, "pem");
  return tls_pem_load_key(ctx, pem, text_field(L, "passphrase"));
}

static bool load_ca (lua_State *L, SSL_CTX *ctx) {
  struct tls_text pem = tls_text_check(L, -1);
  return tls_pem_load_anchors(SSL_CTX_get_cert_store(ctx), ctx, pem) &&
         tls_session_context_add(ctx, pem.data, pem.size);
}

static bool load_crl (lua_State *L, SSL_CTX *ctx) {
  struct tls_text pem = tls_text_check(L, -1);
  return tls_pem_load_crl(SSL_CTX_get_cert_store(ctx), pem) &&
         tls_session_context_add(ctx, pem.data, pem.size);
}

static bool load_pfx (lua_State *L, SSL_CTX *ctx) {
  struct tls_text buf = text_field(L, "buf");
  struct tls_text passphrase = text_field(L, "passphrase");
  switch (tls_pkcs12_load(ctx, SSL_CTX_get_cert_store(ctx), buf, passphrase)) {
    case TLS_PKCS12_LOADED:
      return tls_session_context_add(ctx, buf.data, buf.size);
    case TLS_PKCS12_FAILED: return false;
    case TLS_PKCS12_NO_KEY:
      throw_message(L, "ERR_CRYPTO_OPERATION_FAILED",
                    "Unable to load private key from PFX data");
      return false;
    case TLS_PKCS12_UNSUPPORTED:
      throw_message(L, "ERR_CRYPTO_UNSUPPORTED_OPERATION",
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
    tls_require(L,
                X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) &&
                    tls_session_context_add(ctx, "partial", 7));
}

static void set_certificateCompression (lua_State *L, SSL_CTX *ctx) {
  tls_require(L, tls_certificate_compression_set(L, ctx));
}

/* In the order in which they are applied: ciphers come first, because the
** security level in them (@SECLEVEL) decides about keys and certificates;
** certificates come before their keys. */
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
  X(numTickets)            \
  X(maxEarlyData)          \
  X(dhparam)               \
  X(ca)                    \
  X(crl)                   \
  X(pfx)                   \
  X(cert)                  \
  X(key)                   \
  X(allowPartialTrustChain) \
  X(certificateCompression)
/* clang-format on */

static const struct {
  const char *name;
  void (*apply)(lua_State *L, SSL_CTX *ctx);
} options[] = {
#define X(name) {#name, set_##name},
    CONTEXT_OPTIONS(X)
#undef X
};

void tls_context_options_apply (lua_State *L, SSL_CTX *ctx) {
  size_t i;
  for (i = 0; i < sizeof options / sizeof options[0]; i++) {
    lua_getfield(L, 1, options[i].name);
    if (!lua_isnil(L, -1))
      options[i].apply(L, ctx);
    lua_pop(L, 1);
  }
}
