/*
** module: luaopen_tls_core. Opens the units and gives the lists and constants
** that belong to no connection.
*/
#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <signal.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>

#include "ip_address.h"
#include "connection/methods.h"
#include "connection/options.h"
#include "credentials/secure_context.h"
#include "credentials/pem.h"
#include "lua_state.h"
#include "state_closing.h"
#include "lua_error.h"
#include "environment.h"
#include "socket_options.h"
#include "credentials/default_ca.h"
#include "credentials/certificate_table.h"

#if OPENSSL_VERSION_MAJOR < 3
#error "tls needs OpenSSL 3.0 or later"
#endif

/* core.ciphers() -> names as OpenSSL lists them, TLS 1.3 first. */
static int list_ciphers (lua_State *L) {
  int i;
  SSL_CTX *ctx = tls_context_check(L, 1);
  STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx); /* borrowed */
  lua_newtable(L);
  for (i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
    lua_pushstring(L, SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* core.dhparamBits(pem) -> their size; 0 when there are no parameters. */
static int dhparam_bits (lua_State *L) {
  struct tls_text pem;
  pem.data = luaL_checklstring(L, 1, &pem.size);
  lua_pushinteger(L, tls_dhparam_bits(pem));
  ERR_clear_error();
  return 1;
}

/* core.sized(n) -> {}, with room for 'n' fields. */
static int sized (lua_State *L) {
  lua_createtable(L, 0, (int)luaL_checkinteger(L, 1));
  return 1;
}

/* An object of a class. Upvalues: the metatable, how many fields to make room
** for; then the name of each field and its value. */
static int instance (lua_State *L) {
  int i;
  lua_settop(L, 0);
  lua_createtable(L, 0, (int)lua_tointeger(L, lua_upvalueindex(2)));
  for (i = 3; !lua_isnone(L, lua_upvalueindex(i)); i += 2) {
    lua_pushvalue(L, lua_upvalueindex(i));
    lua_pushvalue(L, lua_upvalueindex(i + 1));
    lua_rawset(L, 1);
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_setmetatable(L, 1);
  return 1;
}

#define MAX_OWN 100 /* of 255 upvalues */

/* core.instantiator(metatable, room, fields) -> function that makes objects
** with these fields, and room for 'room' of them. */
static int instantiator (lua_State *L) {
  int n = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkinteger(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 3);
  luaL_checkstack(L, 2 * MAX_OWN + 4, "tls");
  lua_pushnil(L);
  while (lua_next(L, 3)) { /* stack: ..., name, value */
    luaL_argcheck(L, ++n <= MAX_OWN, 3, "too many fields");
    lua_pushvalue(L, -2);
  }
  lua_remove(L, 3);
  lua_pushcclosure(L, instance, 2 + 2 * n);
  return 1;
}

/* An object's __index. Upvalues: its class, and the functions that compute its
** other properties. */
static int read_property (lua_State *L) {
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  if (!lua_isnil(L, -1))
    return 1;
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(2));
  if (lua_isnil(L, -1))
    return 1;
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1); /* on behalf of who reads the property */
  return 1;
}

/* core.indexer(class, getters) -> __index, see tls.object. */
static int indexer (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_pushcclosure(L, read_property, 2);
  return 1;
}

/* core.curves() -> names of the curves OpenSSL was built with. */
static int list_curves (lua_State *L) {
  size_t i, n = EC_get_builtin_curves(NULL, 0);
  EC_builtin_curve *curves =
      lua_newuserdatauv(L, (n > 0 ? n : 1) * sizeof *curves, 0);
  EC_get_builtin_curves(curves, n);
  lua_newtable(L);
  for (i = 0; i < n; i++) {
    lua_pushstring(L, OBJ_nid2sn(curves[i].nid));
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}

static const luaL_Reg functions[] = {
    {"context", tls_context_new},
    {"addCACert", tls_context_add_ca},
    {"ticketKeys", tls_context_ticket_keys},
    {"contextCertificate", tls_context_certificate},
    {"dhparamBits", dhparam_bits},
    {"curves", list_curves},
    {"readCertificates", tls_trust_read},
    {"certificatePaths", tls_trust_paths},
    {"setDefaultCertificates", tls_trust_set_default},
    {"connectionOptions", tls_terms_new},
    {"conn", tls_conn_new},
    {"handlers", tls_env_handlers},
    {"closing", tls_env_closing},
    {"checkAlive", tls_env_check_alive},
    {"handleMade", tls_handle_made},
    {"ciphers", list_ciphers},
    {"parseCertificate", tls_x509_parse},
    {"reusePort", tls_reuse_port},
    {"sized", sized},
    {"indexer", indexer},
    {"instantiator", instantiator},
    {"pendingError", tls_pending_error},
    {"getenv", tls_getenv},
    {"address", tls_address},
    {NULL, NULL}};

/* Refuse a wrong neighbour now rather than crash later. luv is loaded first:
** finalizers run in reverse order of creation, and ours must run before its. */
static void require_luv (lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "luv");
  lua_call(L, 1, 1); /* loading, not an entry from libuv */
}

/* OpenSSL and libuv keep functions of this library, and may call them after the
** Lua state that loaded it has been closed: unlike other C modules it is not
** unloaded then. Lua 5.1 even unloads it before luv closes its loop. A program
** with the core linked in is no library: dlopen() fails, and nothing is lost.
*/
static void stay_loaded (void) {
  Dl_info us;
  if (dladdr(functions, &us) != 0)
    dlopen(us.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

/* libuv writes to sockets with write(2): the first peer that is gone would end
** the process by SIGPIPE. luv leaves the signal as it is, Node and luvit ignore
** it. So do we, unless the host has decided otherwise; libuv gives its child
** processes the default again. */
static void ignore_sigpipe (void) {
  struct sigaction old;
  if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
    signal(SIGPIPE, SIG_IGN);
}

/* The module's table is kept in the registry under this name. */
#define CORE_T "tls.core"

/* What Lua is given: functions, lists, and 'modules', in which the Lua modules
** that are required by name put themselves. [-0, +1] */
static void push_core (lua_State *L) {
  luaL_newlib(L, functions);
  tls_push_open(L);
  lua_setfield(L, -2, "error_metatable");
  tls_env_push_errnos(L);
  lua_setfield(L, -2, "errnos");
  lua_pushstring(L, OpenSSL_version(OPENSSL_VERSION));
  lua_setfield(L, -2, "openssl");
  lua_newtable(L);
  lua_setfield(L, -2, "modules");
}

__attribute__((visibility("default"))) int luaopen_tls_core (lua_State *L);

int luaopen_tls_core (lua_State *L) {
  luaL_checkversion(L);
  if (OPENSSL_version_major() != OPENSSL_VERSION_MAJOR)
    return luaL_error(L, "tls was built for OpenSSL %d", OPENSSL_VERSION_MAJOR);
  lua_settop(L, 0);
  lua_getfield(L, LUA_REGISTRYINDEX, CORE_T);
  if (lua_istable(L, -1)) /* required again: connections rely on the first */
    return 1;
  stay_loaded();
  require_luv(L);
  ignore_sigpipe();
  tls_env_open(L);
  tls_last_turn_open(L);
  tls_context_open(L);
  tls_trust_open(L);
  tls_conn_open(L);
  push_core(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, CORE_T);
  return 1;
}
