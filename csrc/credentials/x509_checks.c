/*
** x509_checks: is a certificate for a name, by an issuer, of a key; see
** x509_checks.h.
*/
#include "x509_checks.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "certificate_chain.h"
#include "lua/lua_error.h"
#include "lua/owned_pointer.h"
#include "lua/table_fields.h"
#include "text.h"
#include "x509_certificate.h"

/* ---- names ---- */

static int throw_invalid (lua_State *L, const char *message) {
  struct tls_error e;
  ERR_clear_error();
  tls_error_set(&e, "ERR_INVALID_ARG_VALUE", message);
  return tls_throw(L, &e);
}

/* OpenSSL takes names as C strings here and there: one with a NUL is none, or
** it would stand for what is before the NUL. */
static struct tls_text check_name (lua_State *L, const char *message) {
  struct tls_text name = tls_text_check(L, 2);
  if (memchr(name.data, '\0', name.size) != NULL)
    throw_invalid(L, message);
  return name;
}

static unsigned check_flags (lua_State *L) {
  return (unsigned)luaL_checkinteger(L, 3);
}

/* What X509_check_host(3) and its like have returned: was there a match? Else
** push nil. */
static bool matches (lua_State *L, int result, const char *message) {
  if (result == -2)
    throw_invalid(L, message);
  if (result < 0)
    tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                      "cannot compare the names of the certificate");
  tls_accept_failure(L);
  if (result == 0)
    lua_pushnil(L);
  return result > 0;
}

/* -> the certificate's name that matches, which may be a pattern */
static int check_host (lua_State *L) {
  X509 *cert = tls_x509_check(L, 1);
  struct tls_text name = check_name(L, "Invalid name");
  unsigned flags = check_flags(L);
  struct tls_owned *owned = tls_owned_push(L, tls_free_memory);
  char *found = NULL;
  int result = X509_check_host(cert, name.data, name.size, flags, &found);
  owned->p = found;
  if (!matches(L, result, "Invalid name"))
    return 1;
  if (found == NULL)
    lua_pushvalue(L, 2);
  else
    lua_pushstring(L, found);
  tls_owned_free(owned);
  return 1;
}

/* -> the name that was asked about */
static int check_email (lua_State *L) {
  X509 *cert = tls_x509_check(L, 1);
  struct tls_text name = check_name(L, "Invalid name");
  unsigned flags = check_flags(L);
  int result = X509_check_email(cert, name.data, name.size, flags);
  if (!matches(L, result, "Invalid name"))
    return 1;
  lua_pushvalue(L, 2);
  return 1;
}

/* -> the address that was asked about */
static int check_ip (lua_State *L) {
  X509 *cert = tls_x509_check(L, 1);
  struct tls_text address = check_name(L, "Invalid IP");
  int result = X509_check_ip_asc(cert, address.data, check_flags(L));
  if (!matches(L, result, "Invalid IP"))
    return 1;
  lua_pushvalue(L, 2);
  return 1;
}

/* ---- issuers and keys ---- */

static int check_issued (lua_State *L) {
  X509 *cert = tls_x509_check(L, 1);
  lua_pushboolean(L, tls_chain_issued(tls_x509_check(L, 2), cert));
  tls_accept_failure(L);
  return 1;
}

/* nil, and OpenSSL's reason for reading no key. [-0, +2] */
static int return_unreadable (lua_State *L) {
  return tls_return_openssl(L, "ERR_CRYPTO_OPERATION_FAILED", "not a key");
}

/* -> is the signature made by the private half of this public key? */
static int verify (lua_State *L) {
  X509 *cert = tls_x509_check(L, 1);
  struct tls_text pem = tls_text_check(L, 2);
  struct tls_owned *owned = tls_owned_push(L, tls_free_key);
  ERR_clear_error();
  EVP_PKEY *key = owned->p = tls_pem_read_public_key(pem);
  if (key == NULL)
    return return_unreadable(L);
  lua_pushboolean(L, X509_verify(cert, key) == 1);
  tls_owned_free(owned);
  tls_accept_failure(L);
  return 1;
}

/* -> is this the private half of the certificate's key? */
static int check_private_key (lua_State *L) {
  X509 *cert = tls_x509_check(L, 1);
  struct tls_text text = tls_text_check(L, 2);
  struct tls_text passphrase = tls_text_check(L, 3);
  struct tls_owned *owned = tls_owned_push(L, tls_free_key);
  ERR_clear_error();
  EVP_PKEY *key = owned->p = tls_pem_read_key(text, passphrase);
  if (key == NULL)
    return return_unreadable(L);
  lua_pushboolean(L, X509_check_private_key(cert, key) == 1);
  tls_owned_free(owned);
  tls_accept_failure(L);
  return 1;
}

static const luaL_Reg checks[] = {
    {"host", check_host}, {"email", check_email},
    {"ip", check_ip},     {"issued", check_issued},
    {"verify", verify},   {"privateKey", check_private_key},
    {NULL, NULL}};

/* By name: the bits that X509_check_host(3) and its like take. */
static void push_flags (lua_State *L) { /* [-0, +1] */
  lua_createtable(L, 0, 6);
  tls_set_integer(L, "always", X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT);
  tls_set_integer(L, "never", X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  tls_set_integer(L, "noWildcards", X509_CHECK_FLAG_NO_WILDCARDS);
  tls_set_integer(L, "noPartialWildcards",
                  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  tls_set_integer(L, "multiLabelWildcards",
                  X509_CHECK_FLAG_MULTI_LABEL_WILDCARDS);
  tls_set_integer(L, "singleLabelSubdomains",
                  X509_CHECK_FLAG_SINGLE_LABEL_SUBDOMAINS);
}

void tls_x509_checks_push (lua_State *L) {
  luaL_newlib(L, checks);
  push_flags(L);
  lua_setfield(L, -2, "flags");
}
