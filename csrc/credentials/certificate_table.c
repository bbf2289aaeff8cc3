/*
** certificate_table: certificates as Lua tables, see certificate_table.h.
*/
#include "certificate_table.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "lua/lua_error.h"
#include "lua/owned_pointer.h"
#include "names_table.h"
#include "pem.h"
#include "public_key_table.h"

/* The longest chain; certificates in a store may have issued each other. */
#define MAX_DEPTH 100

/* ---- one certificate; each function sets fields of the table at 't' ---- */

static void set_time (lua_State *L, int t, const char *field,
                      const ASN1_TIME *time) {
  struct tls_owned *owned = tls_owned_push(L, tls_free_bio);
  char *text = NULL;
  long size;
  owned->p = BIO_new(BIO_s_mem());
  if (owned->p != NULL && ASN1_TIME_print(owned->p, time) == 1) {
    size = BIO_get_mem_data((BIO *)owned->p, &text);
    lua_pushlstring(L, text, (size_t)size);
    lua_setfield(L, t, field);
  }
  tls_owned_free(owned);
  lua_pop(L, 1);
}

static void set_fingerprint (lua_State *L, int t, const char *field,
                             const X509 *cert, const EVP_MD *algorithm) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(cert, algorithm, digest, &size) != 1)
    return; /* a FIPS provider may refuse SHA-1 */
  tls_push_hex(L, digest, size, ':');
  lua_setfield(L, t, field);
}

static void push_signed_hex (lua_State *L, const BIGNUM *n) { /* [-0, +1] */
  size_t size = (size_t)BN_num_bytes(n);
  unsigned char *bytes = tls_push_buffer(L, size);
  lua_pushstring(L, BN_is_negative(n) ? "-" : "");
  size = (size_t)BN_bn2bin(n, bytes);
  if (size == 0)
    lua_pushliteral(L, "0");
  else
    tls_push_hex(L, bytes, size, 0);
  lua_concat(L, 2);
  lua_remove(L, -2);
}

static void set_serial (lua_State *L, int t, const X509 *cert) {
  struct tls_owned *owned = tls_owned_push(L, tls_free_number);
  owned->p = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
  if (owned->p != NULL) {
    push_signed_hex(L, owned->p);
    lua_setfield(L, t, "serialNumber");
  }
  tls_owned_free(owned);
  lua_pop(L, 1);
}

static void set_usage (lua_State *L, int t, const X509 *cert) {
  struct tls_owned *owned = tls_owned_push(L, tls_free_key_usage);
  const EXTENDED_KEY_USAGE *usage;
  int i;
  usage = owned->p = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
  if (usage != NULL) {
    lua_newtable(L);
    for (i = 0; i < sk_ASN1_OBJECT_num(usage); i++) {
      tls_names_push_oid(L, sk_ASN1_OBJECT_value(usage, i));
      lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, t, "ext_key_usage");
  }
  tls_owned_free(owned);
  lua_pop(L, 1);
}

void tls_certificate_push_der (lua_State *L, X509 *cert) {
  int size = i2d_X509(cert, NULL);
  unsigned char *bytes, *end;
  if (size <= 0) {
    lua_pushnil(L);
    return;
  }
  bytes = end = tls_push_buffer(L, (size_t)size);
  i2d_X509(cert, &end);
  lua_pushlstring(L, (const char *)bytes, (size_t)size);
  lua_remove(L, -2);
}

static void set_names (lua_State *L, int t, const X509 *cert) {
  tls_names_push(L, X509_get_subject_name(cert));
  lua_setfield(L, t, "subject");
  tls_names_push(L, X509_get_issuer_name(cert));
  lua_setfield(L, t, "issuerInfo");
  tls_names_push_alternatives(L, cert);
  lua_setfield(L, t, "subjectaltname");
  tls_names_push_access(L, cert);
  lua_setfield(L, t, "infoAccess");
}

static void set_fingerprints (lua_State *L, int t, const X509 *cert) {
  set_fingerprint(L, t, "fingerprint", cert, EVP_sha1());
  set_fingerprint(L, t, "fingerprint256", cert, EVP_sha256());
  set_fingerprint(L, t, "fingerprint512", cert, EVP_sha512());
}

static void push_fields (lua_State *L, X509 *cert) { /* [-0, +1] */
  int t;
  luaL_checkstack(L, 16, "certificate");
  lua_createtable(L, 0, 20);
  t = lua_gettop(L);
  set_names(L, t, cert);
  lua_pushboolean(L, X509_check_ca(cert) == 1);
  lua_setfield(L, t, "ca");
  tls_public_key_set_fields(L, cert);
  set_time(L, t, "valid_from", X509_get0_notBefore(cert));
  set_time(L, t, "valid_to", X509_get0_notAfter(cert));
  set_fingerprints(L, t, cert);
  set_usage(L, t, cert);
  set_serial(L, t, cert);
  tls_certificate_push_der(L, cert);
  lua_setfield(L, t, "raw");
  ERR_clear_error();
}

void tls_certificate_push (lua_State *L, X509 *cert) {
  push_fields(L, cert);
  lua_getfield(L, -1, "issuerInfo");
  lua_setfield(L, -2, "issuer");
}

/* ---- the chain ---- */

static bool issued (X509 *issuer, X509 *subject) {
  return X509_check_issued(issuer, subject) == X509_V_OK;
}

/* Link the certificate on top of the stack below it, and leave only it.
** Stack: subject, issuer on top (they may be the same). [-1, +0] */
static void link_issuer (lua_State *L) {
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "issuer");
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "issuerCertificate");
  lua_remove(L, -2);
}

/* The issuer of 'cert' among those that are not 'used' yet, or NULL. */
static X509 *find_sent (STACK_OF(X509) * chain, unsigned char *used,
                        X509 *cert) {
  int count = chain == NULL ? 0 : sk_X509_num(chain);
  int i;
  for (i = 0; i < count; i++) {
    X509 *candidate = sk_X509_value(chain, i);
    if (!used[i] && issued(candidate, cert)) {
      used[i] = 1;
      return candidate;
    }
  }
  return NULL;
}

static void mark_leaf (STACK_OF(X509) * chain, unsigned char *used, int count,
                       const X509 *leaf) {
  int i;
  memset(used, 0, (size_t)count);
  for (i = 0; i < count; i++)
    used[i] = X509_cmp(sk_X509_value(chain, i), leaf) == 0;
}

/* Add the certificates that were sent, as far as each has issued the one
** before. The table of the last one is on top before and after. Returns it.
** [-1, +1] */
static X509 *walk_sent (lua_State *L, X509 *cert, STACK_OF(X509) * chain) {
  int count = chain == NULL ? 0 : sk_X509_num(chain);
  unsigned char *used = tls_push_buffer(L, (size_t)(count > 0 ? count : 0));
  X509 *issuer;
  lua_insert(L, -2);
  mark_leaf(chain, used, count, cert);
  while (!issued(cert, cert) &&
         (issuer = find_sent(chain, used, cert)) != NULL) {
    push_fields(L, issuer);
    link_issuer(L);
    cert = issuer;
  }
  lua_remove(L, -2);
  return cert;
}

/* Go on with the store. 'owned' owns the certificate in use, 'spare' the next
** one. The table of the last one is on top before and after. Does the chain
** end in a self-signed one? [-1, +1] */
static bool walk_store (lua_State *L, X509_STORE_CTX *finder, X509 *cert,
                        struct tls_owned *owned, struct tls_owned *spare) {
  int depth;
  for (depth = 0; depth < MAX_DEPTH && !issued(cert, cert); depth++) {
    X509 *issuer = NULL;
    if (X509_STORE_CTX_get1_issuer(&issuer, finder, cert) != 1)
      return false;
    spare->p = issuer;
    push_fields(L, issuer);
    link_issuer(L);
    tls_owned_free(owned);
    owned->p = spare->p;
    spare->p = NULL;
    cert = owned->p;
  }
  return issued(cert, cert);
}

/* Does the chain end in a self-signed certificate, if need be with the
** store's? The table of the last one is on top before and after. [-1, +1] */
static bool complete (lua_State *L, X509 *last, X509_STORE *store) {
  struct tls_owned *finder, *owned, *spare;
  int base = lua_gettop(L) - 1;
  bool ended;
  if (store == NULL || issued(last, last))
    return issued(last, last);
  finder = tls_owned_push(L, tls_free_store_ctx);
  owned = tls_owned_push(L, tls_free_certificate);
  spare = tls_owned_push(L, tls_free_certificate);
  finder->p = X509_STORE_CTX_new();
  if (finder->p == NULL ||
      X509_STORE_CTX_init(finder->p, store, NULL, NULL) != 1)
    tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                      "cannot search the certificate store");
  lua_pushvalue(L, base + 1);
  ended = walk_store(L, finder->p, last, owned, spare);
  lua_replace(L, base + 1);
  tls_owned_free(owned);
  tls_owned_free(finder);
  lua_settop(L, base + 1);
  return ended;
}

/* The issuer that the store knows, or NULL; 'owned' owns it. [-0, +0] */
static X509 *find_stored (lua_State *L, X509 *cert, X509_STORE *store,
                          struct tls_owned *owned) {
  X509 *issuer = NULL;
  struct tls_owned *finder = tls_owned_push(L, tls_free_store_ctx);
  finder->p = X509_STORE_CTX_new();
  if (finder->p != NULL &&
      X509_STORE_CTX_init(finder->p, store, NULL, NULL) == 1 &&
      X509_STORE_CTX_get1_issuer(&issuer, finder->p, cert) == 1)
    owned->p = issuer;
  tls_owned_free(finder);
  lua_pop(L, 1);
  ERR_clear_error();
  return owned->p;
}

void tls_certificate_push_issuer (lua_State *L, X509 *cert,
                                  STACK_OF(X509) * chain, X509_STORE *store) {
  int i, count = chain == NULL ? 0 : sk_X509_num(chain);
  X509 *issuer = NULL;
  struct tls_owned *owned = tls_owned_push(L, tls_free_certificate);
  for (i = 0; issuer == NULL && i < count; i++)
    if (issued(sk_X509_value(chain, i), cert))
      issuer = sk_X509_value(chain, i);
  if (issued(cert, cert))
    issuer = NULL;
  else if (issuer == NULL && store != NULL)
    issuer = find_stored(L, cert, store, owned);
  if (issuer == NULL)
    lua_pushnil(L);
  else
    tls_certificate_push_der(L, issuer);
  tls_owned_free(owned);
  lua_remove(L, -2);
}

void tls_certificate_push_chain (lua_State *L, X509 *leaf,
                                 STACK_OF(X509) * chain, X509_STORE *store) {
  X509 *last;
  luaL_checkstack(L, 32, "certificate chain");
  push_fields(L, leaf);
  lua_pushvalue(L, -1);
  last = walk_sent(L, leaf, chain);
  if (complete(L, last, store)) {
    lua_pushvalue(L, -1);
    link_issuer(L);
  }
  lua_pop(L, 1);
  ERR_clear_error();
}

/* ---- from text ---- */

static bool has_pem_header (const char *text, size_t size) {
  static const char begin[] = "-----BEGIN ";
  size_t length = sizeof begin - 1;
  size_t i;
  for (i = 0; i + length <= size; i++)
    if (text[i] == '-' && memcmp(text + i, begin, length) == 0)
      return true;
  return false;
}

static X509 *read_pem (lua_State *L, const char *text, size_t size) {
  struct tls_owned *owned = tls_owned_push(L, tls_free_bio);
  X509 *cert = NULL;
  owned->p = BIO_new_mem_buf(text, (int)size);
  if (owned->p != NULL)
    cert = tls_pem_read_certificate(owned->p);
  tls_owned_free(owned);
  return cert;
}

int tls_certificate_parse (lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  const unsigned char *der = (const unsigned char *)text;
  struct tls_owned *owned;
  luaL_argcheck(L, size <= INT_MAX, 1, "too long");
  owned = tls_owned_push(L, tls_free_certificate);
  ERR_clear_error();
  owned->p = has_pem_header(text, size) ? read_pem(L, text, size)
                                        : d2i_X509(NULL, &der, (long)size);
  if (owned->p == NULL)
    return tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                             "not a certificate");
  tls_certificate_push(L, owned->p);
  tls_owned_free(owned);
  return 1;
}
