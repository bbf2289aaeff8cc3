/*
** certificate_table: certificates as Lua tables, see certificate_table.h.
*/
#include "certificate_table.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "certificate_chain.h"
#include "certificate_fields.h"
#include "lua/lua_error.h"
#include "lua/owned_pointer.h"
#include "names_table.h"
#include "pem.h"
#include "public_key_table.h"

/* The longest chain; certificates in a store may have issued each other. */
#define MAX_DEPTH 100

/* ---- one certificate; each function sets fields of the table at 't' ---- */

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

static void set_times (lua_State *L, int t, const X509 *cert) {
  tls_certificate_push_time(L, X509_get0_notBefore(cert));
  lua_setfield(L, t, "valid_from");
  tls_certificate_push_time(L, X509_get0_notAfter(cert));
  lua_setfield(L, t, "valid_to");
}

static void set_fingerprints (lua_State *L, int t, const X509 *cert) {
  tls_certificate_push_fingerprint(L, cert, EVP_sha1());
  lua_setfield(L, t, "fingerprint");
  tls_certificate_push_fingerprint(L, cert, EVP_sha256());
  lua_setfield(L, t, "fingerprint256");
  tls_certificate_push_fingerprint(L, cert, EVP_sha512());
  lua_setfield(L, t, "fingerprint512");
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
  set_times(L, t, cert);
  set_fingerprints(L, t, cert);
  tls_certificate_push_usage(L, cert);
  lua_setfield(L, t, "ext_key_usage");
  tls_certificate_push_serial(L, cert);
  lua_setfield(L, t, "serialNumber");
  tls_certificate_push_der(L, cert);
  lua_setfield(L, t, "raw");
  tls_accept_failure(L);
}

void tls_certificate_push (lua_State *L, X509 *cert) {
  push_fields(L, cert);
  lua_getfield(L, -1, "issuerInfo");
  lua_setfield(L, -2, "issuer");
}

/* ---- the chain ---- */

/* Link the certificate on top of the stack below it, and leave only it.
** Stack: subject, issuer on top (they may be the same). [-1, +0] */
static void link_issuer (lua_State *L) {
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "issuer");
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "issuerCertificate");
  lua_remove(L, -2);
}

/* Add the certificates that were sent, as far as each has issued the one
** before. The table of the last one is on top before and after. Returns it.
** [-1, +1] */
static X509 *walk_sent (lua_State *L, X509 *cert, STACK_OF(X509) * chain) {
  unsigned char *used = tls_push_buffer(L, tls_chain_size(chain));
  X509 *issuer;
  lua_insert(L, -2);
  tls_chain_begin(chain, used, cert);
  while ((issuer = tls_chain_next(chain, used, cert)) != NULL) {
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
  for (depth = 0; depth < MAX_DEPTH && !tls_chain_issued(cert, cert); depth++) {
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
  return tls_chain_issued(cert, cert);
}

/* Does the chain end in a self-signed certificate, if need be with the
** store's? The table of the last one is on top before and after. [-1, +1] */
static bool complete (lua_State *L, X509 *last, X509_STORE *store) {
  struct tls_owned *finder, *owned, *spare;
  int base = lua_gettop(L) - 1;
  bool ended;
  if (store == NULL || tls_chain_issued(last, last))
    return tls_chain_issued(last, last);
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
  tls_accept_failure(L);
  return owned->p;
}

void tls_certificate_push_issuer (lua_State *L, X509 *cert,
                                  STACK_OF(X509) * chain, X509_STORE *store) {
  int i, count = chain == NULL ? 0 : sk_X509_num(chain);
  X509 *issuer = NULL;
  struct tls_owned *owned = tls_owned_push(L, tls_free_certificate);
  for (i = 0; issuer == NULL && i < count; i++)
    if (tls_chain_issued(sk_X509_value(chain, i), cert))
      issuer = sk_X509_value(chain, i);
  if (tls_chain_issued(cert, cert))
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
  tls_accept_failure(L);
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
