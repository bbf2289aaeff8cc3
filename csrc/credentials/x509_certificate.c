/*
** x509_certificate: certificates as objects, see x509_certificate.h.
*/
#include "x509_certificate.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "certificate_chain.h"
#include "certificate_fields.h"
#include "certificate_table.h"
#include "lua/lua_error.h"
#include "lua/owned_pointer.h"
#include "lua/table_fields.h"
#include "names_table.h"
#include "pem.h"
#include "text.h"

#define X509_T "tls.X509Certificate"

/* The user value that holds the issuer's object, if it is known. */
#define ISSUER 1

struct certificate {
  X509 *x509; /* shared; NULL until made, and once finalized */
};

static X509 *test (lua_State *L, int arg) {
  struct certificate *c = luaL_testudata(L, arg, X509_T);
  return c == NULL ? NULL : c->x509;
}

X509 *tls_x509_check (lua_State *L, int arg) {
  X509 *x509 = test(L, arg);
  struct tls_error e;
  if (x509 == NULL) {
    tls_error_set(&e, "ERR_INVALID_THIS",
                  "Value of \"this\" must be of type X509Certificate");
    tls_throw(L, &e);
  }
  return x509;
}

static int collect (lua_State *L) {
  struct certificate *c = luaL_checkudata(L, 1, X509_T);
  X509_free(c->x509); /* NULL is allowed */
  c->x509 = NULL;
  return 0;
}

/* An object that has no certificate yet. [-0, +1] */
static struct certificate *push_empty (lua_State *L) {
  struct certificate *c = lua_newuserdatauv(L, sizeof *c, ISSUER);
  c->x509 = NULL;
  luaL_setmetatable(L, X509_T);
  tls_new_user_values(L, lua_gettop(L));
  return c;
}

void tls_x509_push (lua_State *L, X509 *cert) {
  struct certificate *c = push_empty(L);
  if (X509_up_ref(cert) == 1)
    c->x509 = cert;
}

void tls_x509_push_chain (lua_State *L, X509 *leaf, STACK_OF(X509) * chain) {
  unsigned char *used = tls_push_buffer(L, tls_chain_size(chain));
  int subject;
  luaL_checkstack(L, 8, "certificate chain");
  tls_chain_begin(chain, used, leaf);
  tls_x509_push(L, leaf);
  lua_pushvalue(L, -1);
  subject = lua_gettop(L);
  while ((leaf = tls_chain_next(chain, used, leaf)) != NULL) {
    tls_x509_push(L, leaf);
    lua_pushvalue(L, -1);
    tls_set_user_value(L, subject, ISSUER);
    lua_replace(L, subject);
  }
  lua_pop(L, 1);
  lua_remove(L, -2); /* the buffer */
  tls_accept_failure(L);
}

/* ---- from text ---- */

/* As Node: what is no PEM may be DER, and if it is neither, the error is that
** of the PEM. */
static X509 *read_certificate (struct tls_text text) {
  const unsigned char *der = (const unsigned char *)text.data;
  BIO *bio = tls_text_open(text);
  X509 *cert = bio == NULL ? NULL : tls_pem_read_certificate(bio);
  BIO_free(bio);
  if (cert != NULL || text.size > INT_MAX)
    return cert;
  ERR_set_mark();
  cert = d2i_X509(NULL, &der, (long)text.size);
  ERR_pop_to_mark();
  return cert;
}

int tls_x509_new (lua_State *L) {
  struct tls_text text = tls_text_check(L, 1);
  struct certificate *c = push_empty(L);
  ERR_clear_error();
  c->x509 = read_certificate(text);
  if (c->x509 == NULL)
    return tls_return_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                              "not a certificate");
  ERR_clear_error();
  return 1;
}

int tls_x509_is (lua_State *L) {
  lua_pushboolean(L, test(L, 1) != NULL);
  return 1;
}

/* ---- properties: each pushes one value ---- */

static void push_subject (lua_State *L, X509 *cert) {
  tls_names_push_lines(L, X509_get_subject_name(cert));
}

static void push_issuer (lua_State *L, X509 *cert) {
  tls_names_push_lines(L, X509_get_issuer_name(cert));
}

static void push_alternatives (lua_State *L, X509 *cert) {
  tls_names_push_alternatives(L, cert);
}

static void push_access (lua_State *L, X509 *cert) {
  tls_names_push_access_lines(L, cert);
}

static void push_valid_from (lua_State *L, X509 *cert) {
  tls_certificate_push_time(L, X509_get0_notBefore(cert));
}

static void push_valid_to (lua_State *L, X509 *cert) {
  tls_certificate_push_time(L, X509_get0_notAfter(cert));
}

static void push_valid_from_time (lua_State *L, X509 *cert) {
  tls_certificate_push_seconds(L, X509_get0_notBefore(cert));
}

static void push_valid_to_time (lua_State *L, X509 *cert) {
  tls_certificate_push_seconds(L, X509_get0_notAfter(cert));
}

static void push_fingerprint (lua_State *L, X509 *cert) {
  tls_certificate_push_fingerprint(L, cert, EVP_sha1());
}

static void push_fingerprint256 (lua_State *L, X509 *cert) {
  tls_certificate_push_fingerprint(L, cert, EVP_sha256());
}

static void push_fingerprint512 (lua_State *L, X509 *cert) {
  tls_certificate_push_fingerprint(L, cert, EVP_sha512());
}

static void push_usage (lua_State *L, X509 *cert) {
  tls_certificate_push_usage(L, cert);
}

static void push_serial (lua_State *L, X509 *cert) {
  tls_certificate_push_serial(L, cert);
}

static void push_ca (lua_State *L, X509 *cert) {
  lua_pushboolean(L, X509_check_ca(cert) == 1);
}

/* The object is at index 1. */
static void push_issuer_certificate (lua_State *L, X509 *cert) {
  (void)cert;
  tls_push_user_value(L, 1, ISSUER);
}

static const struct property {
  const char *name;
  void (*push)(lua_State *L, X509 *cert);
} properties[] = {
    {"subject", push_subject},
    {"subjectAltName", push_alternatives},
    {"issuer", push_issuer},
    {"issuerCertificate", push_issuer_certificate},
    {"infoAccess", push_access},
    {"validFrom", push_valid_from},
    {"validTo", push_valid_to},
    {"validFromTime", push_valid_from_time},
    {"validToTime", push_valid_to_time},
    {"fingerprint", push_fingerprint},
    {"fingerprint256", push_fingerprint256},
    {"fingerprint512", push_fingerprint512},
    {"keyUsage", push_usage},
    {"extKeyUsage", push_usage},
    {"serialNumber", push_serial},
    {"raw", tls_certificate_push_der},
    {"publicKey", tls_certificate_push_key_pem},
    {"ca", push_ca},
};

#define PROPERTIES ((int)(sizeof properties / sizeof properties[0]))

/* __index. Upvalues: the methods; the number of each property by its name. */
static int get_field (lua_State *L) {
  X509 *cert = tls_x509_check(L, 1);
  int number;
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  if (!lua_isnil(L, -1))
    return 1;
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(2));
  number = (int)lua_tointeger(L, -1);
  if (number == 0)
    return 0;
  luaL_checkstack(L, 16, "certificate");
  properties[number - 1].push(L, cert);
  tls_accept_failure(L);
  return 1;
}

/* ---- methods without arguments ---- */

static int to_string (lua_State *L) {
  tls_certificate_push_pem(L, tls_x509_check(L, 1));
  return 1;
}

static int to_legacy_object (lua_State *L) {
  tls_certificate_push(L, tls_x509_check(L, 1));
  return 1;
}

static const luaL_Reg methods[] = {{"toString", to_string},
                                   {"toLegacyObject", to_legacy_object},
                                   {NULL, NULL}};

void tls_x509_open (lua_State *L) {
  int i;
  luaL_newlib(L, methods);
  luaL_newmetatable(L, X509_T);
  lua_pushliteral(L, X509_T);
  lua_setfield(L, -2, "__name");
  tls_set_function(L, "__gc", collect);
  tls_set_function(L, "__tostring", to_string);
  lua_pushvalue(L, -2);
  lua_createtable(L, 0, PROPERTIES);
  for (i = 0; i < PROPERTIES; i++)
    tls_set_integer(L, properties[i].name, i + 1);
  lua_pushcclosure(L, get_field, 2);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
