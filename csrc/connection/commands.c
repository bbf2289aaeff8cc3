/*
** commands: what Lua tells a connection: answers to the questions of a
** handshake, and orders. Methods of the metatable that methods.c makes.
**
** Only the drive loop calls handlers. What else runs OpenSSL may call the one
** for pre-shared keys; after it the code looks whether the connection has been
** closed. A command that leaves work for the drive loop returns
** needsDrive: true when Lua has to call conn:drive() from a callback of its
** own.
*/
#include "commands.h"

#include <openssl/err.h>

#include "connection.h"
#include "credentials/secure_context.h"
#include "credentials/session_der.h"
#include "lua/lua_error.h"

/* The string field 'name' of the table at index 2, which keeps it; or NULL. */
static const unsigned char *field (lua_State *L, const char *name, size_t *n) {
  lua_getfield(L, 2, name);
  const char *s = lua_tolstring(L, -1, n);
  lua_pop(L, 1);
  return (const unsigned char *)s;
}

/* The SSL_CTX in the field 'context', or NULL. Pushes the field. [-0, +1] */
static SSL_CTX *context_field (lua_State *L) {
  lua_getfield(L, 2, "context");
  return lua_isnil(L, -1) ? NULL : tls_secure_context_check(L, lua_gettop(L));
}

/* A server that verifies no client needs no CA certificates. */
static bool verifies (const struct tls_connection *c) {
  return SSL_get_verify_mode(tls_engine_ssl(c->engine)) != SSL_VERIFY_NONE;
}

/* conn:answerClientHello{context=, groups=, alpn=, alpnRefused=, session=,
** ocsp=, ocspAnswered=, alert=} -> needsDrive. Throws what OpenSSL refuses. */
static int answer_client_hello (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  struct tls_client_hello_answer a = {0};
  luaL_checktype(L, 2, LUA_TTABLE);
  if (c == NULL || !tls_engine_client_hello_pending(c->engine))
    return 0;
  lua_settop(L, 2);
  a.ctx = context_field(L);
  if (a.ctx != NULL && verifies(c))
    tls_secure_context_need_anchors(L, lua_gettop(L));
  a.groups = (const char *)field(L, "groups", NULL);
  a.alpn = field(L, "alpn", &a.alpn_size);
  a.ocsp = field(L, "ocsp", &a.ocsp_size);
  lua_getfield(L, 2, "ocspAnswered");
  a.ocsp_answered = lua_toboolean(L, -1);
  lua_getfield(L, 2, "alert");
  a.alert = (int)lua_tointeger(L, -1);
  lua_getfield(L, 2, "alpnRefused");
  a.alpn_refused = lua_toboolean(L, -1);
  lua_getfield(L, 2, "session");
  a.session = tls_session_der_read(L, lua_gettop(L));
  if (tls_connection_is_closed(c)) /* by a finalizer, meanwhile */
    return 0;
  if (!tls_engine_answer_client_hello(c->engine, &a))
    return tls_throw_openssl(L, "ERR_TLS_INVALID_CONTEXT",
                             "Invalid SNI context");
  return tls_connection_push_needs_drive(L, c);
}

/* conn:answerVerify(generation, accepted, override) -> needsDrive: may the
** handshake that is suspended go on? 'generation' came with the question; the
** answer to a question of another handshake does nothing. */
static int answer_verify (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  unsigned generation = (unsigned)luaL_checkinteger(L, 2);
  luaL_checktype(L, 3, LUA_TBOOLEAN);
  if (c == NULL ||
      !tls_engine_answer_verify(c->engine, generation, lua_toboolean(L, 3),
                                lua_toboolean(L, 4)))
    return 0;
  return tls_connection_push_needs_drive(L, c);
}

/* conn:setVerdict(generation, accepted, override) -> done: the same for a
** handshake that has finished. */
static int set_verdict (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  unsigned generation = (unsigned)luaL_checkinteger(L, 2);
  luaL_checktype(L, 3, LUA_TBOOLEAN);
  lua_pushboolean(L, c != NULL && tls_engine_set_verdict(c->engine, generation,
                                                         lua_toboolean(L, 3),
                                                         lua_toboolean(L, 4)));
  return 1;
}

/* conn:approve(generation) -> needsDrive: open the gate, see
** tls_engine_approve(). */
static int approve (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  unsigned generation = (unsigned)luaL_checkinteger(L, 2);
  if (c == NULL)
    return 0;
  tls_engine_approve(c->engine, generation);
  return tls_connection_push_needs_drive(L, c);
}

/* Throw when the connection is not in the state that a command needs. */
static void check_state (lua_State *L, bool ok, const char *message) {
  ERR_clear_error();
  if (!ok)
    tls_throw_openssl(L, "ERR_TLS_INVALID_STATE", message);
}

/* conn:renegotiate(context, reject) -> needsDrive: another handshake. When
** 'context' is not false, a server asks its client for a certificate, and
** verifies it by that context's CA certificates. */
static int renegotiate (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c == NULL)
    return 0;
  if (lua_toboolean(L, 2))
    tls_secure_context_need_anchors(L, 2);
  check_state(L, tls_engine_may_renegotiate(c->engine),
              "no other handshake can begin now");
  bool ok = tls_engine_renegotiate(c->engine, lua_toboolean(L, 2),
                                   lua_toboolean(L, 3));
  if (tls_connection_closed_meanwhile(c))
    return 0;
  if (!ok)
    return tls_throw_openssl(L, "ERR_SSL_WRONG_SSL_VERSION",
                             "wrong ssl version");
  return tls_connection_push_needs_drive(L, c);
}

/* conn:updateKeys() -> needsDrive: new keys in both directions (TLS 1.3). */
static int update_keys (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c == NULL)
    return 0;
  check_state(L, tls_engine_may_update_keys(c->engine),
              "the keys cannot be changed now");
  bool ok = tls_engine_update_keys(c->engine);
  if (tls_connection_closed_meanwhile(c))
    return 0;
  if (!ok)
    return tls_throw_openssl(L, "ERR_SSL_WRONG_SSL_VERSION",
                             "wrong ssl version");
  return tls_connection_push_needs_drive(L, c);
}

/* conn:fail(code, message) -> needsDrive: end the handshake with this
** error. */
static int fail (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  const char *code = luaL_checkstring(L, 2), *message = luaL_checkstring(L, 3);
  if (c == NULL)
    return 0;
  tls_engine_fail(c->engine, code, message);
  return tls_connection_push_needs_drive(L, c);
}

/* conn:hold(boolean) -> needsDrive: while true, nothing is sent but an
** alert. */
static int hold (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  luaL_checktype(L, 2, LUA_TBOOLEAN);
  if (c == NULL)
    return 0;
  c->output_held = lua_toboolean(L, 2);
  return tls_connection_push_needs_drive(L, c);
}

/* conn:wantSessions(boolean): whether to emit 'session' from now on. */
static int want_sessions (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  luaL_checktype(L, 2, LUA_TBOOLEAN);
  if (c != NULL)
    tls_engine_want_sessions(c->engine, lua_toboolean(L, 2));
  return 0;
}

/* conn:wantKeylog(): emit 'keylog' from now on. */
static int want_keylog (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c != NULL)
    tls_engine_want_keylog(c->engine);
  return 0;
}

/* conn:wantNotes(): emit 'note' from now on; to be called before start(). A
** server then also emits 'clientHello'. */
static int want_notes (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c != NULL)
    tls_engine_want_notes(c->engine);
  return 0;
}

/* conn:trace(): print each message to stderr. */
static int trace (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c != NULL)
    tls_engine_trace(c->engine, c->lua->stderr_bio);
  return 0;
}

/* conn:setKeyCert(context): take that context's key and certificate; nothing
** else changes. */
static int set_key_cert (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  const SSL_CTX *ctx = tls_secure_context_check(L, 2);
  STACK_OF(X509) *chain = NULL;
  if (c == NULL)
    return 0;
  if (tls_engine_busy(c->engine)) /* it may be using the old one */
    return tls_throw_openssl(L, "ERR_TLS_INVALID_STATE",
                             "the certificate cannot be changed now");
  X509 *cert = SSL_CTX_get0_certificate(ctx);
  EVP_PKEY *key = SSL_CTX_get0_privatekey(ctx);
  SSL_CTX_get0_chain_certs((SSL_CTX *)ctx, &chain);
  if (!tls_engine_set_key_cert(c->engine, cert, key, chain))
    return tls_throw_openssl(L, "ERR_TLS_INVALID_CONTEXT",
                             "the context has no key and certificate");
  return 0;
}

/* conn:setMaxSendFragment(size) -> whether OpenSSL has accepted it */
static int set_max_send_fragment (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  long size = (long)luaL_checkinteger(L, 2);
  lua_pushboolean(L, c != NULL &&
                         tls_engine_set_max_send_fragment(c->engine, size));
  return 1;
}

/* conn:setServername(name) -> done: false once the handshake has begun. */
static int set_servername (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  const char *name = luaL_checkstring(L, 2);
  lua_pushboolean(L, c != NULL && tls_engine_set_servername(c->engine, name));
  return 1;
}

/* conn:setSession(der) -> done: false when it is not a session, or too
** late. */
static int set_session (lua_State *L) {
  SSL_SESSION *session = tls_session_der_read(L, 2); /* runs finalizers */
  struct tls_connection *c = tls_connection_check_open(L);
  bool ok = c != NULL && session != NULL &&
            tls_engine_set_session(c->engine, session);
  ERR_clear_error();
  lua_pushboolean(L, ok);
  return 1;
}

const luaL_Reg tls_connection_commands[] = {
    {"answerClientHello", answer_client_hello},
    {"answerVerify", answer_verify},
    {"setVerdict", set_verdict},
    {"approve", approve},
    {"renegotiate", renegotiate},
    {"updateKeys", update_keys},
    {"fail", fail},
    {"wantKeylog", want_keylog},
    {"wantNotes", want_notes},
    {"wantSessions", want_sessions},
    {"trace", trace},
    {"hold", hold},
    {"setKeyCert", set_key_cert},
    {"setMaxSendFragment", set_max_send_fragment},
    {"setServername", set_servername},
    {"setSession", set_session},
    {NULL, NULL}};
