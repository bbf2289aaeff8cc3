/*
** ocsp_functions: OCSP for Lua, see ocsp_functions.h.
*/
#include "ocsp_functions.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "certificate_fields.h"
#include "certificate_table.h"
#include "engine/ocsp_answer.h"
#include "engine/ocsp_stapling.h"
#include "engine/ossl_compat.h"
#include "lua/lua_error.h"
#include "lua/owned_pointer.h"
#include "lua/table_fields.h"
#include "names_table.h"
#include "secure_context.h"
#include "text.h"
#include "x509_certificate.h"

#if TLS_HAS_OCSP

/* ---- verify ---- */

static const char *const reasons[] = {"unspecified",     "keyCompromise",
                                      "cACompromise",    "affiliationChanged",
                                      "superseded",      "cessationOfOperation",
                                      "certificateHold", NULL,
                                      "removeFromCRL",   "privilegeWithdrawn",
                                      "aACompromise"}; /* RFC 5280, 5.3.1 */

static const char *const response_statuses[] = {
    "successful", "malformedRequest", "internalError", "tryLater",
    NULL,         "sigRequired",      "unauthorized"}; /* RFC 6960, 4.2.1 */

static const char *const statuses[] = {[TLS_OCSP_GOOD] = "good",
                                       [TLS_OCSP_IS_UNKNOWN] = "unknown",
                                       [TLS_OCSP_IS_REVOKED] = "revoked"};

#define NAME_OF(list, i) \
  ((i) >= 0 && (size_t)(i) < sizeof(list) / sizeof *(list) ? (list)[i] : NULL)

static void set_time (lua_State *L, const char *name, int64_t seconds) {
  if (seconds != 0)
    tls_set_integer(L, name, (lua_Integer)seconds);
}

static void push_answer (lua_State *L, const struct tls_ocsp_answer *a) {
  lua_createtable(L, 0, 8);
  tls_set_string(L, "status", statuses[a->status]);
  tls_set_string(L, "reason", NAME_OF(reasons, a->reason));
  set_time(L, "thisUpdate", a->this_update);
  set_time(L, "nextUpdate", a->next_update);
  set_time(L, "producedAt", a->produced_at);
  set_time(L, "revocationTime", a->revoked_at);
  set_time(L, "validUntil", a->until);
  lua_pushboolean(L, a->delegated);
  lua_setfield(L, -2, "delegated");
  if (a->responder == NULL)
    return;
  tls_names_push_line(L, X509_get_subject_name(a->responder));
  lua_setfield(L, -2, "responder");
}

/* Push what more there is to say than the fault alone, or nil. [-0, +1] */
static void push_detail (lua_State *L, enum tls_ocsp_fault fault,
                         const struct tls_ocsp_answer *a) {
  const char *text = NULL;
  if (fault == TLS_OCSP_NOT_SUCCESSFUL)
    text = NAME_OF(response_statuses, a->response_status);
  if (fault == TLS_OCSP_RESPONDER && a->responder_error == X509_V_OK)
    text = "the response does not have its certificate";
  else if (fault == TLS_OCSP_RESPONDER)
    text = X509_verify_cert_error_string(a->responder_error);
  lua_pushstring(L, text); /* NULL pushes nil */
}

/* nil and the error. [-0, +2] */
static int return_fault (lua_State *L, enum tls_ocsp_fault fault,
                         const struct tls_ocsp_answer *a) {
  struct tls_error e;
  tls_error_set(&e, tls_ocsp_fault_code(fault), tls_ocsp_fault_message(fault));
  lua_pushnil(L);
  tls_push_error(L, &e);
  push_detail(L, fault, a);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return 2;
  }
  lua_pushfstring(L, "%s: %s", e.message, lua_tostring(L, -1));
  lua_setfield(L, -3, "message");
  lua_setfield(L, -2,
               fault == TLS_OCSP_NOT_SUCCESSFUL ? "responseStatus" : "reason");
  return 2;
}

static int verify (lua_State *L) {
  struct tls_text der = tls_text_check(L, 1);
  X509 *cert = tls_x509_check(L, 2), *issuer = tls_x509_check(L, 3);
  int64_t now = (int64_t)luaL_checknumber(L, 4);
  struct tls_owned *owned = tls_owned_push(L, tls_free_certificate);
  struct tls_ocsp_answer answer;
  enum tls_ocsp_fault fault = tls_ocsp_answer_read(
      &answer, (const unsigned char *)der.data, der.size, cert, issuer, now);
  owned->p = answer.responder; /* in the place of tls_ocsp_answer_clear() */
  if (fault != TLS_OCSP_OK)
    return return_fault(L, fault, &answer);
  push_answer(L, &answer);
  return 1;
}

/* ---- requests ---- */

static bool add_id (OCSP_REQUEST *request, X509 *cert, X509 *issuer) {
  OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), cert, issuer);
  if (id != NULL && OCSP_request_add0_id(request, id) != NULL)
    return true;
  OCSP_CERTID_free(id); /* NULL is allowed */
  return false;
}

/* As RFC 5019, 2.1 wants it: one certificate, by SHA-1, and no nonce, so that
** the responder may have its answer ready. */
static int request (lua_State *L) {
  X509 *cert = tls_x509_check(L, 1), *issuer = tls_x509_check(L, 2);
  struct tls_owned *owned = tls_owned_push(L, tls_free_memory);
  unsigned char *der = NULL;
  ERR_clear_error();
  OCSP_REQUEST *asked = OCSP_REQUEST_new();
  bool ok = asked != NULL && add_id(asked, cert, issuer);
  int size = ok ? i2d_OCSP_REQUEST(asked, &der) : 0;
  OCSP_REQUEST_free(asked); /* NULL is allowed */
  owned->p = der;
  if (size <= 0)
    return tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                             "cannot make a request of OCSP");
  lua_pushlstring(L, (const char *)der, (size_t)size);
  return 1;
}
#endif

/* ---- what a context staples ---- */

/* Append {cert=, issuer=} for the context's present certificate to the list on
** top. [-0, +0] */
static void append_certificate (lua_State *L, SSL_CTX *ctx) {
  STACK_OF(X509) *chain = NULL;
  X509 *cert = SSL_CTX_get0_certificate(ctx);
  SSL_CTX_get0_chain_certs(ctx, &chain);
  lua_createtable(L, 0, 2);
  tls_certificate_push_der(L, cert);
  lua_setfield(L, -2, "cert");
  tls_certificate_push_issuer(L, cert, chain, SSL_CTX_get_cert_store(ctx));
  lua_setfield(L, -2, "issuer");
  lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
}

/* One for each type of key. The context's present one stays what it was. */
static int certificates (lua_State *L) {
  SSL_CTX *ctx = tls_secure_context_check(L, 1);
  X509 *present = SSL_CTX_get0_certificate(ctx);
  long more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  lua_newtable(L);
  while (more == 1) {
    append_certificate(L, ctx);
    more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT);
  }
  if (present != NULL)
    SSL_CTX_select_current_cert(ctx, present);
  ERR_clear_error();
  return 1;
}

static int staple (lua_State *L) {
  SSL_CTX *ctx = tls_secure_context_check(L, 1);
  X509 *cert = tls_x509_check(L, 2);
  struct tls_text der = tls_text_check(L, 3);
  int64_t until = (int64_t)luaL_checknumber(L, 4);
  ERR_clear_error();
  if (!tls_staple_set(ctx, cert, (const unsigned char *)der.data, der.size,
                      until))
    return tls_throw_openssl(L, "ERR_MEMORY_ALLOCATION_FAILED",
                             "out of memory");
  return 0;
}

static const luaL_Reg functions[] = {
#if TLS_HAS_OCSP
    {"verify", verify},
    {"request", request},
#endif
    {"certificates", certificates},
    {"staple", staple},
    {NULL, NULL}};

void tls_ocsp_functions_push (lua_State *L) {
  luaL_newlib(L, functions);
}
