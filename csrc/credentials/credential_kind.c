/*
** credential_kind: what a text is that could not be loaded, see
** credential_kind.h.
*/
#include "credential_kind.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lua/owned_pointer.h"
#include "lua/table_fields.h"
#include "names_table.h"
#include "text.h"

/* For each kind a function that tells whether the bytes are that. It reads to
** the end of the object at most, which 'size' bounds. */
#define READER(name, type, read, release)                 \
  static bool is_##name(const unsigned char *p, long n) { \
    type *object = read(NULL, &p, n);                     \
    release(object); /* NULL is allowed */                \
    return object != NULL;                                \
  }

READER(certificate, X509, d2i_X509, X509_free)
READER(crl, X509_CRL, d2i_X509_CRL, X509_CRL_free)
READER(pkcs12, PKCS12, d2i_PKCS12, PKCS12_free)
READER(pkcs7, PKCS7, d2i_PKCS7, PKCS7_free)
READER(request, X509_REQ, d2i_X509_REQ, X509_REQ_free)
READER(public_key, EVP_PKEY, d2i_PUBKEY, EVP_PKEY_free)
READER(encrypted_key, X509_SIG, d2i_X509_SIG, X509_SIG_free)
READER(key, EVP_PKEY, d2i_AutoPrivateKey, EVP_PKEY_free)

/* In this order: the last ones take what is much like what they look for. */
static const struct {
  const char *name;
  bool (*is)(const unsigned char *p, long n);
} kinds[] = {
    {"certificate", is_certificate},
    {"revocation list", is_crl},
    {"PKCS#12", is_pkcs12},
    {"PKCS#7", is_pkcs7},
    {"certificate request", is_request},
    {"public key", is_public_key},
    {"private key", is_key},
    {"encrypted private key", is_encrypted_key},
};

int tls_credential_der_kind (lua_State *L) {
  size_t i;
  struct tls_text der = tls_text_check(L, 1);
  const unsigned char *p = (const unsigned char *)der.data;
  const char *found = NULL;
  if (der.size > LONG_MAX)
    return 0;
  for (i = 0; found == NULL && i < sizeof kinds / sizeof kinds[0]; i++)
    if (kinds[i].is(p, (long)der.size))
      found = kinds[i].name;
  ERR_clear_error();
  lua_pushstring(L, found); /* NULL is nil */
  return 1;
}

/* "RSA 2048", "EC P-256", "ED25519"; empty for none. */
static void describe_key (const EVP_PKEY *key, char *text, size_t size) {
  char group[80] = "";
  const char *type = key == NULL ? NULL : EVP_PKEY_get0_type_name(key);
  text[0] = '\0';
  if (type == NULL)
    return;
  if (EVP_PKEY_is_a(key, "EC") &&
      EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1) {
    const char *nist = EC_curve_nid2nist(OBJ_txt2nid(group));
    snprintf(text, size, "%.20s %.60s", type, nist == NULL ? group : nist);
  } else if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS") ||
             EVP_PKEY_is_a(key, "DSA")) {
    snprintf(text, size, "%.20s %d", type, EVP_PKEY_get_bits(key));
  } else {
    snprintf(text, size, "%.80s", type);
  }
}

int tls_credential_key_kind (lua_State *L) {
  char kind[96];
  struct tls_text text = tls_text_check(L, 1);
  struct tls_text passphrase = tls_text_check(L, 2);
  EVP_PKEY *key = tls_pem_read_key(text, passphrase);
  describe_key(key, kind, sizeof kind);
  EVP_PKEY_free(key);
  ERR_clear_error();
  lua_pushstring(L, *kind == '\0' ? NULL : kind);
  return 1;
}

/* Stack: the table on top. [-0, +0] */
static void set_key_fields (lua_State *L, const X509 *cert) {
  char kind[96];
  const EVP_PKEY *key = X509_get0_pubkey(cert);
  describe_key(key, kind, sizeof kind);
  tls_set_string(L, "key", *kind == '\0' ? NULL : kind);
  if (key != NULL)
    tls_set_integer(L, "keyBits", EVP_PKEY_get_security_bits(key));
}

/* The security of a certificate's own signature. A root's does not count: it is
** trusted because it is there. Stack: the table on top. [-0, +0] */
static void set_signature_fields (lua_State *L, X509 *cert) {
  int bits = -1;
  bool is_root = (X509_get_extension_flags(cert) & EXFLAG_SS) != 0;
  if (is_root || !X509_get_signature_info(cert, NULL, NULL, &bits, NULL))
    return;
  tls_set_string(L, "signature", OBJ_nid2sn(X509_get_signature_nid(cert)));
  tls_set_integer(L, "signatureBits", bits);
}

/* Stack: the list at -1. False when there are no more. [-0, +0] */
static bool append_next (lua_State *L, BIO *in) {
  struct tls_owned *owned = tls_owned_push(L, tls_free_certificate);
  X509 *cert = owned->p = tls_pem_read_certificate(in);
  if (cert != NULL) {
    lua_createtable(L, 0, 5);
    tls_names_push_line(L, X509_get_subject_name(cert));
    lua_setfield(L, -2, "subject");
    set_key_fields(L, cert);
    set_signature_fields(L, cert);
    lua_rawseti(L, -3, (int)lua_rawlen(L, -3) + 1);
  }
  tls_owned_free(owned);
  lua_pop(L, 1);
  return cert != NULL;
}

int tls_credential_certificate_kinds (lua_State *L) {
  struct tls_text pem = tls_text_check(L, 1);
  struct tls_owned *owned = tls_owned_push(L, tls_free_bio);
  BIO *in = owned->p = tls_text_open(pem);
  lua_newtable(L);
  while (in != NULL && append_next(L, in))
    continue;
  ERR_clear_error();
  tls_owned_free(owned);
  return 1;
}
