/*
** module: luaopen_tls_core. Opens the other files and registers their
** functions.
*/
#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <signal.h>
#include <sys/un.h>

#include <openssl/crypto.h>

#include "class.h"
#include "connection/away.h"
#include "connection/connection.h"
#include "connection/handshake_turns.h"
#include "connection/methods.h"
#include "connection/options.h"
#include "connection/protocol_names.h"
#include "credentials/available_algorithms.h"
#include "credentials/certificate_compression.h"
#include "credentials/certificate_table.h"
#include "credentials/contexts_by_name.h"
#include "credentials/credential_kind.h"
#include "credentials/default_ca.h"
#include "credentials/ech_configs.h"
#include "credentials/ocsp_functions.h"
#include "credentials/ocsp_response.h"
#include "credentials/secure_context.h"
#include "credentials/ticket_key_list.h"
#include "credentials/x509_certificate.h"
#include "credentials/x509_checks.h"
#include "engine/alert_names.h"
#include "engine/openssl_loaded.h"
#include "engine/ossl_compat.h"
#include "door.h"
#include "environment.h"
#include "error_place.h"
#include "ip_address.h"
#include "lua_error.h"
#include "lua_state.h"
#include "openssl_configuration.h"
#include "own_folder.h"
#include "socket_options.h"
#include "state_closing.h"
#include "table_fields.h"
#include "text_encoding.h"
#include "version.h"

static const luaL_Reg functions[] = {
    {"context", tls_secure_context_new},
    {"addCACert", tls_secure_context_add_ca},
    {"ticketKeys", tls_secure_context_ticket_keys},
    {"joinTicketKeys", tls_ticket_key_list_join},
    {"contextCertificate", tls_secure_context_certificate},
    {"contextHasKey", tls_secure_context_has_key},
    {"contextsByName", tls_contexts_by_name_new},
    {"dhparamBits", tls_available_algorithms_dhparam_bits},
    {"groups", tls_available_algorithms_groups},
    {"fips", tls_available_algorithms_fips},
    {"certificateCompression", tls_certificate_compression_names},
    {"echPublicName", tls_ech_configs_public_name},
    {"readCertificates", tls_default_ca_read},
    {"certificatePaths", tls_default_ca_paths},
    {"setDefaultCertificates", tls_default_ca_set},
    {"connectionOptions", tls_connection_options_new},
    {"encodeProtocols", tls_protocol_names_encode},
    {"conn", tls_connection_new},
    {"handleInUse", tls_connection_handle_in_use},
    {"handlers", tls_lua_state_set_handlers},
    {"closing", tls_lua_state_closing},
    {"beginTurn", tls_handshake_turns_begin},
    {"endTurns", tls_handshake_turns_end},
    {"handshakeBudget", tls_handshake_turns_set_budget},
    {"handshakesAway", tls_away_count},
    {"wrap", tls_lua_state_wrap},
    {"attempt", tls_door_attempt},
    {"throw", tls_error_place_throw},
    {"ownFolder", tls_own_folder_set},
    {"errorText", tls_error_text},
    {"atClosing", tls_lua_state_at_closing},
    {"checkAlive", tls_lua_state_check_alive},
    {"handleMade", tls_state_closing_handle_made},
    {"ciphers", tls_available_algorithms_ciphers},
    {"parseCertificate", tls_certificate_parse},
    {"derKind", tls_credential_der_kind},
    {"isOCSPResponse", tls_ocsp_response_is},
    {"keyKind", tls_credential_key_kind},
    {"certificateKinds", tls_credential_certificate_kinds},
    {"x509", tls_x509_new},
    {"isX509", tls_x509_is},
    {"reusePort", tls_socket_options_reuse_port},
    {"sized", tls_class_sized},
    {"objectAndText", tls_class_object_and_text},
    {"indexer", tls_class_indexer},
    {"instantiator", tls_class_instantiator},
    {"pendingError", tls_socket_options_pending_error},
    {"getenv", tls_environment_push},
    {"address", tls_ip_address},
    {"encodeHex", tls_text_encode_hex},
    {"decodeHex", tls_text_decode_hex},
    {"encodeBase64", tls_text_encode_base64},
    {"decodeBase64", tls_text_decode_base64},
    {NULL, NULL}};

#define LUV_CURE "luarocks install luv, or on Debian apt install lua-luv"
#define OLDEST_LIBUV 0x012c00 /* 1.44.0; luv has the numbers of its libuv */

static void check_openssl (lua_State *L) {
  char why[400];
  if (!tls_openssl_loaded_fits(why, sizeof why))
    luaL_error(L, "%s", why);
}

/* Whether it is luv at all, lua_state.c finds out.
** Stack: what require "luv" has returned, on top. [-0, +0] */
static void check_luv (lua_State *L) {
  lua_Integer version;
  if (!lua_istable(L, -1))
    luaL_error(L, "tls: what require \"luv\" returns is not luv");
  lua_getfield(L, -1, "version");
  if (lua_isfunction(L, -1)) {
    lua_call(L, 0, 1);
    version = lua_tointeger(L, -1);
    if (version > 0 && version < OLDEST_LIBUV)
      luaL_error(L, "tls needs luv 1.44 or later, and this is luv %d.%d: %s",
                 (int)(version >> 16), (int)(version >> 8 & 0xff), LUV_CURE);
  }
  lua_pop(L, 1);
}

/* luv is loaded before we make any object: finalizers run in reverse order of
** creation, and ours must run before luv's. While loading, not from a callback:
** so Lua may be called. */
static void require_luv (lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "luv");
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    lua_pushfstring(L, "tls needs luv, which cannot be loaded: %s\n%s",
                    LUV_CURE, lua_tostring(L, -1));
    lua_error(L);
  }
  check_luv(L);
}

/* OpenSSL and libuv keep pointers to functions of this library, and may call
** them after the Lua state that loaded it has been closed. So the library is
** never unloaded. (Lua 5.1 would unload it even before luv closes its loop.)
** When the core is linked into the program, dlopen() fails, which does no
** harm. */
static void stay_loaded (void) {
  Dl_info us;
  if (dladdr(functions, &us) != 0)
    dlopen(us.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

/* libuv writes to sockets by write(2): a peer that has gone would end the
** process by SIGPIPE. luv leaves the signal as it is; Node and luvit ignore
** it. We ignore it, too, unless the host has installed something else. libuv
** restores the default in child processes. */
static void ignore_sigpipe (void) {
  struct sigaction old;
  if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
    signal(SIGPIPE, SIG_IGN);
}

/* The module's table is in the registry under this name. */
#define CORE_T "tls.core"

/* Bytes of a unix socket's path, unix(7), without the NUL behind it. libuv up
** to 1.46 cuts a longer one: the socket would be another one. */
#define MAX_UNIX_PATH \
  ((lua_Integer)(sizeof((struct sockaddr_un *)0)->sun_path - 1))

/* Push the numbers of alerts, by name. [-0, +1] */
static void push_alerts (lua_State *L) {
  const struct tls_alert *alert;
  lua_newtable(L);
  for (alert = tls_alerts; alert->name != NULL; alert++)
    tls_set_integer(L, alert->name, alert->number);
}

/* Push what Lua is given: functions, lists, and 'modules', where those Lua
** modules put themselves that are required by name. [-0, +1] */
static void push_core (lua_State *L) {
  luaL_newlib(L, functions);
  tls_error_open(L);
  lua_setfield(L, -2, "error_metatable");
  tls_lua_state_push_errnos(L);
  lua_setfield(L, -2, "errnos");
  tls_set_string(L, "version", TLS_VERSION);
  tls_set_string(L, "openssl", OpenSSL_version(OPENSSL_VERSION));
  tls_set_string(L, "opensslOfHeaders", OPENSSL_VERSION_STR);
  lua_pushboolean(L, TLS_RAW_PUBLIC_KEYS);
  lua_setfield(L, -2, "rawPublicKeys");
  lua_pushinteger(L, MAX_UNIX_PATH);
  lua_setfield(L, -2, "maxUnixPath");
  lua_pushboolean(L, TLS_CAN_ECH);
  lua_setfield(L, -2, "canEch");
  push_alerts(L);
  lua_setfield(L, -2, "alerts");
  tls_available_algorithms_push_left_out(L);
  lua_setfield(L, -2, "leftOut");
  tls_x509_open(L);
  lua_setfield(L, -2, "x509Methods");
  tls_x509_checks_push(L);
  lua_setfield(L, -2, "x509Checks");
  tls_ocsp_functions_push(L);
  lua_setfield(L, -2, "ocsp");
  lua_newtable(L);
  lua_setfield(L, -2, "modules");
}

__attribute__((visibility("default"))) int luaopen_tls_core (lua_State *L);

int luaopen_tls_core (lua_State *L) {
  luaL_checkversion(L);
  check_openssl(L);
  lua_settop(L, 0);
  lua_getfield(L, LUA_REGISTRYINDEX, CORE_T);
  if (lua_istable(L, -1)) /* required again: the first table is in use */
    return 1;
  stay_loaded();
  require_luv(L);
  tls_openssl_configuration_check(L);
  ignore_sigpipe();
  tls_ossl_load_error_texts();
  tls_lua_state_open(L);
  tls_state_closing_open(L);
  tls_secure_context_open(L);
  tls_contexts_by_name_open(L);
  tls_default_ca_open(L);
  tls_connection_open(L);
  push_core(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, CORE_T);
  return 1;
}
