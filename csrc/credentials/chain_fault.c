/*
** chain_fault: a certificate that has not verified, see chain_fault.h.
*/
#include "chain_fault.h"

#include <stdbool.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "certificate_fields.h"
#include "lua/owned_pointer.h"
#include "lua/table_fields.h"
#include "names_table.h"

/* More purposes than these are not shown. */
enum { MOST_PURPOSES = 8 };

static bool store_has (X509_STORE *store, const X509_NAME *name) {
  X509_STORE_CTX *finder = X509_STORE_CTX_new();
  X509_OBJECT *object = X509_OBJECT_new();
  bool found =
      finder != NULL && object != NULL &&
      X509_STORE_CTX_init(finder, store, NULL, NULL) == 1 &&
      X509_STORE_CTX_get_by_subject(finder, X509_LU_X509, name, object) == 1;
  X509_OBJECT_free(object);
  X509_STORE_CTX_free(finder);
  ERR_clear_error();
  return found;
}

/* Set a field to a time; one that is missing or unreadable leaves the table as
** it is. [-0, +0] */
static void set_time (lua_State *L, const char *name, const ASN1_TIME *time) {
  if (time == NULL)
    return;
  tls_certificate_push_seconds(L, time);
  lua_setfield(L, -2, name);
}

static void set_purposes (lua_State *L, const X509 *cert) {
  struct tls_owned *owned = tls_owned_push(L, tls_free_key_usage);
  const EXTENDED_KEY_USAGE *usage;
  int i;
  usage = owned->p = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
  if (usage != NULL) {
    lua_newtable(L);
    for (i = 0; i < sk_ASN1_OBJECT_num(usage) && i < MOST_PURPOSES; i++) {
      lua_pushstring(L,
                     OBJ_nid2sn(OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i))));
      lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -3, "purposes");
  }
  tls_owned_free(owned);
  lua_pop(L, 1);
}

static void set_strength (lua_State *L, const X509 *cert) {
  const EVP_PKEY *key = X509_get0_pubkey(cert);
  if (key != NULL) {
    tls_set_string(L, "keyType", EVP_PKEY_get0_type_name(key));
    tls_set_integer(L, "keyBits", EVP_PKEY_get_bits(key));
  }
  tls_set_string(L, "signature", OBJ_nid2sn(X509_get_signature_nid(cert)));
}

static void set_list (lua_State *L, X509 *cert, X509_CRL *crl) {
  X509_REVOKED *entry = NULL;
  set_time(L, "lastUpdate", X509_CRL_get0_lastUpdate(crl));
  set_time(L, "nextUpdate", X509_CRL_get0_nextUpdate(crl));
  if (X509_CRL_get0_by_cert(crl, &entry, cert) == 1)
    set_time(L, "revoked", X509_REVOKED_get0_revocationDate(entry));
}

void tls_chain_fault_push (lua_State *L, X509 *cert, X509_CRL *crl,
                           X509_STORE *store) {
  const X509_NAME *issuer = X509_get_issuer_name(cert);
  luaL_checkstack(L, 12, "certificate");
  lua_createtable(L, 0, 12);
  tls_names_push_line(L, issuer);
  lua_setfield(L, -2, "issuer");
  lua_pushboolean(L, store != NULL && store_has(store, issuer));
  lua_setfield(L, -2, "issuerKnown");
  set_time(L, "notBefore", X509_get0_notBefore(cert));
  set_time(L, "notAfter", X509_get0_notAfter(cert));
  set_purposes(L, cert);
  set_strength(L, cert);
  if (crl != NULL)
    set_list(L, cert, crl);
  ERR_clear_error();
}
