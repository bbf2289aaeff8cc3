/*
** openssl_configuration: see openssl_configuration.h and config(5).
*/
#include "openssl_configuration.h"

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "engine/ossl_compat.h"

static bool is_missing (void) {
  return ERR_GET_REASON(ERR_peek_last_error()) == CONF_R_NO_SUCH_FILE;
}

/* The reason why it cannot be read, or NULL; 'line' is 0 when there is none to
** blame. What is in it does not matter here. */
static const char *fault (const char *path, long *line) {
  const char *reason = NULL;
  CONF *conf = NCONF_new(NULL);
  *line = 0;
  if (conf != NULL && NCONF_load(conf, path, line) <= 0 && !is_missing()) {
    reason = ERR_reason_error_string(ERR_peek_last_error());
    reason = reason == NULL ? "unknown reason" : reason;
  }
  NCONF_free(conf); /* NULL is allowed */
  ERR_clear_error();
  return reason;
}

void tls_openssl_configuration_check (lua_State *L) {
  long line = 0;
  char *path = TLS_READS_CONFIGURATION ? CONF_get1_default_config_file() : NULL;
  const char *reason =
      path == NULL || *path == '\0' ? NULL : fault(path, &line);
  if (reason != NULL)
    lua_pushfstring(L,
                    "tls: OpenSSL cannot read its configuration file %s, line "
                    "%d: %s (the environment's OPENSSL_CONF names another)",
                    path, (int)line, reason);
  OPENSSL_free(path);
  if (reason != NULL)
    lua_error(L);
}
