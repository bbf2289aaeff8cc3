/*
** context_options: the options of a secure context, see context_options.h.
*/
#include "context_options.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/err.h>

#include "certificate_compression.h"
#include "ech_keys.h"
#include "engine/raw_keys.h"
#include "engine/session_tickets.h"
#include "engine/session_context.h"
#include "lua/lua_error.h"
#include "pkcs12.h"
#include "public_keys.h"
#include "text.h"

/* An option that is being applied. Its value is on top of the stack. */
struct setting {
  lua_State *L;
  SSL_CTX *ctx;        /* borrowed */
  int index;           /* of the entry that is being loaded; 0: not in a list */
  const char *code;    /* when our words say more than OpenSSL's; else NULL */
  const char *message; /* the same */
};

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

static bool refuse (struct setting *s, const char *code, const char *message) {
  s->code = code;
  s->message = message;
  return false;
}

static const char *text_of (const struct setting *s) {
  return luaL_checkstring(s->L, -1);
}

static lua_Integer integer_of (const struct setting *s) {
  return luaL_checkinteger(s->L, -1);
}

/* Each of these applies one option; false when OpenSSL refuses its value. When
** they throw, Lua has not checked it. [-0, +0] */

static bool set_ciphers (struct setting *s) {
  return SSL_CTX_set_cipher_list(s->ctx, text_of(s));
}

static bool set_ciphersuites (struct setting *s) {
  return SSL_CTX_set_ciphersuites(s->ctx, text_of(s));
}

static bool set_minVersion (struct setting *s) {
  return SSL_CTX_set_min_proto_version(s->ctx, (int)integer_of(s));
}

static bool set_maxVersion (struct setting *s) {
  return SSL_CTX_set_max_proto_version(s->ctx, (int)integer_of(s));
}

/* OpenSSL since 3.5 takes an empty list for its default. */
static bool set_ecdhCurve (struct setting *s) {
  const char *list = text_of(s);
  return (*list != '\0' && SSL_CTX_set1_groups_list(s->ctx, list)) ||
         refuse(s, "ERR_CRYPTO_OPERATION_FAILED", "Failed to set ECDH curve");
}

static bool set_sigalgs (struct setting *s) {
  return SSL_CTX_set1_sigalgs_list(s->ctx, text_of(s));
}

static bool set_honorCipherOrder (struct setting *s) {
  if (lua_toboolean(s->L, -1))
    SSL_CTX_set_options(s->ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
  return true;
}

static bool set_secureOptions (struct setting *s) {
  SSL_CTX_set_options(s->ctx, (uint64_t)integer_of(s));
  return true;
}

static bool set_sessionTimeout (struct setting *s) {
  SSL_CTX_set_timeout(s->ctx, (long)integer_of(s));
  return true;
}

/* The id also decides which sessions of verified clients may be resumed: see
** tls_session_context_add(). */
static bool set_sessionIdContext (struct setting *s) {
  size_t n;
  const char *id = luaL_checklstring(s->L, -1, &n);
  return tls_session_context_add(s->ctx, id, n) &&
         SSL_CTX_set_session_id_context(s->ctx, (const unsigned char *)id,
                                        (unsigned)n);
}

/* [-0, +0] */
static bool set_ticket_keys (lua_State *L, SSL_CTX *ctx) {
  size_t n;
  const char *keys = luaL_checklstring(L, -1, &n);
  return n >= TLS_TICKET_KEY_SIZE && n % TLS_TICKET_KEY_SIZE == 0 &&
         tls_ticket_keys_set(ctx, (const unsigned char *)keys,
                             n / TLS_TICKET_KEY_SIZE);
}

void tls_context_options_set_ticket_keys (lua_State *L, SSL_CTX *ctx) {
  tls_require(L, set_ticket_keys(L, ctx));
}

static bool set_ticketKeys (struct setting *s) {
  return set_ticket_keys(s->L, s->ctx);
}

static bool set_numTickets (struct setting *s) {
  return SSL_CTX_set_num_tickets(s->ctx, (size_t)integer_of(s));
}

/* The same early data must not be accepted twice. OpenSSL sees to that with
** its own cache of sessions, which we use for nothing else
** (SSL_CTX_set_max_early_data(3)). */
static bool set_maxEarlyData (struct setting *s) {
  uint32_t n = (uint32_t)integer_of(s);
  if (n == 0)
    return true;
  SSL_CTX_set_session_cache_mode(s->ctx, SSL_SESS_CACHE_BOTH);
  return SSL_CTX_set_max_early_data(s->ctx, n) &&
         SSL_CTX_set_recv_max_early_data(s->ctx, n);
}

static bool set_dhparam (struct setting *s) {
  struct tls_text pem = tls_text_check(s->L, -1);
  if (pem.size == 4 && memcmp(pem.data, "auto", 4) == 0)
    return SSL_CTX_set_dh_auto(s->ctx, 1);
  return tls_pem_load_dhparam(s->ctx, pem);
}

/* What loads one entry, which is on top of the stack. */
typedef bool (*load_entry)(struct setting *s);

/* Stack: the sequence on top. [-0, +0] */
static bool each_entry (struct setting *s, load_entry load) {
  luaL_checktype(s->L, -1, LUA_TTABLE);
  int n = (int)lua_rawlen(s->L, -1);
  bool ok = true;
  for (s->index = 1; ok && s->index <= n; s->index++) {
    lua_rawgeti(s->L, -1, s->index);
    ok = load(s);
    lua_pop(s->L, 1);
  }
  s->index = ok ? 0 : s->index - 1;
  return ok;
}

static bool load_cert (struct setting *s) {
  return tls_pem_load_cert(s->ctx, tls_text_check(s->L, -1));
}

static bool load_key (struct setting *s) {
  struct tls_text pem = text_field(s->L, "pem");
  return tls_pem_load_key(s->ctx, pem, text_field(s->L, "passphrase"));
}

static bool load_ca (struct setting *s) {
  struct tls_text pem = tls_text_check(s->L, -1);
  return tls_pem_load_anchors(SSL_CTX_get_cert_store(s->ctx), s->ctx, pem) &&
         tls_session_context_add(s->ctx, pem.data, pem.size);
}

static bool load_crl (struct setting *s) {
  struct tls_text pem = tls_text_check(s->L, -1);
  return tls_pem_load_crl(SSL_CTX_get_cert_store(s->ctx), pem) &&
         tls_session_context_add(s->ctx, pem.data, pem.size);
}

static bool load_pfx (struct setting *s) {
  struct tls_text buf = text_field(s->L, "buf");
  struct tls_text passphrase = text_field(s->L, "passphrase");
  X509_STORE *store = SSL_CTX_get_cert_store(s->ctx);
  switch (tls_pkcs12_load(s->ctx, store, buf, passphrase)) {
    case TLS_PKCS12_LOADED:
      return tls_session_context_add(s->ctx, buf.data, buf.size);
    case TLS_PKCS12_FAILED: return false;
    case TLS_PKCS12_NO_KEY:
      return refuse(s, "ERR_CRYPTO_OPERATION_FAILED",
                    "Unable to load private key from PFX data");
    case TLS_PKCS12_UNSUPPORTED:
      return refuse(s, "ERR_CRYPTO_UNSUPPORTED_OPERATION",
                    "Unsupported PKCS12 PFX data");
  }
  return false;
}

static bool set_cert (struct setting *s) {
  return each_entry(s, load_cert);
}

static bool set_key (struct setting *s) {
  return each_entry(s, load_key);
}

static bool set_ca (struct setting *s) {
  return each_entry(s, load_ca);
}

static bool set_crl (struct setting *s) {
  return each_entry(s, load_crl);
}

static bool set_pfx (struct setting *s) {
  return each_entry(s, load_pfx);
}

static bool set_allowPartialTrustChain (struct setting *s) {
  X509_VERIFY_PARAM *param = SSL_CTX_get0_param(s->ctx);
  return !lua_toboolean(s->L, -1) ||
         (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) &&
          tls_session_context_add(s->ctx, "partial", 7));
}

static bool set_certificateCompression (struct setting *s) {
  return tls_certificate_compression_set(s->L, s->ctx);
}

static bool load_ech_keys (struct setting *s) {
  struct tls_text pem = text_field(s->L, "pem");
  lua_getfield(s->L, -1, "retry");
  bool retry = lua_toboolean(s->L, -1);
  lua_pop(s->L, 1);
  switch (tls_ech_keys_add(s->ctx, pem, retry)) {
    case TLS_ECH_KEYS_ADDED: return true;
    case TLS_ECH_KEYS_FAILED: return false;
    case TLS_ECH_KEYS_NO_CONFIG:
      return refuse(s, "ERR_CRYPTO_OPERATION_FAILED",
                    "Unable to load ECHConfigs of the private key");
    case TLS_ECH_KEYS_UNKNOWN:
      return refuse(s, "ERR_CRYPTO_UNSUPPORTED_OPERATION",
                    "OpenSSL has no Encrypted Client Hello");
  }
  return false;
}

static bool set_echKeys (struct setting *s) {
  return each_entry(s, load_ech_keys);
}

/* "only": our key alone; "also": our certificate, too. */
static bool set_rawPublicKey (struct setting *s) {
  struct tls_raw_keys *keys = tls_raw_keys_make(s->ctx);
  if (keys == NULL)
    return false;
  keys->shown = true;
  keys->certificate_shown = strcmp(text_of(s), "also") == 0;
  return true;
}

static bool load_peer_key (struct setting *s) {
  return tls_public_keys_trust(s->ctx, tls_text_check(s->L, -1));
}

/* The sequence has the field 'certificates' where those may be shown, too. */
static bool set_peerPublicKeys (struct setting *s) {
  struct tls_raw_keys *keys = tls_raw_keys_make(s->ctx);
  if (keys == NULL || !tls_session_context_add(s->ctx, "raw", 3))
    return false;
  keys->accepted = true;
  lua_getfield(s->L, -1, "certificates");
  keys->certificate_refused = !lua_toboolean(s->L, -1);
  lua_pop(s->L, 1);
  return each_entry(s, load_peer_key);
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
  X(certificateCompression) \
  X(echKeys)             \
  X(rawPublicKey)          \
  X(peerPublicKeys)
/* clang-format on */

static const struct {
  const char *name;
  bool (*apply)(struct setting *s);
} options[] = {
#define X(name) {#name, set_##name},
    CONTEXT_OPTIONS(X)
#undef X
};

/* Our words, if there are some, else OpenSSL's. */
static void describe (struct tls_error *e, const struct setting *s) {
  if (s->code != NULL)
    ERR_clear_error();
  tls_error_from_queue(
      e, s->code != NULL ? s->code : "ERR_CRYPTO_OPERATION_FAILED",
      s->message != NULL ? s->message : "OpenSSL refused the option");
}

static bool apply (lua_State *L, SSL_CTX *ctx, size_t i,
                   struct tls_refused_option *refused) {
  struct setting s = {.L = L, .ctx = ctx};
  lua_getfield(L, 1, options[i].name);
  bool ok = lua_isnil(L, -1) || options[i].apply(&s);
  lua_pop(L, 1);
  if (ok)
    return true;
  refused->name = options[i].name;
  refused->index = s.index;
  describe(&refused->error, &s);
  return false;
}

bool tls_context_options_apply (lua_State *L, SSL_CTX *ctx,
                                struct tls_refused_option *refused) {
  size_t i;
  for (i = 0; i < sizeof options / sizeof options[0]; i++)
    if (!apply(L, ctx, i, refused))
      return false;
  return true;
}
