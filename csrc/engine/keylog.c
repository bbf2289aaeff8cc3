/*
** keylog: collects the lines of the key log, in the format of NSS, until the
** owner takes them.
*/
#include <string.h>

#include "engine_state.h"

/* SSL_CTX_set_keylog_callback(3). The lines are secrets: memory is cleansed
** when it is freed. A line for which there is no memory is left out. */
static void on_keylog (const SSL *ssl, const char *line) {
  struct tls_engine *e = tls_engine_of(ssl);
  if (e == NULL || !e->want_keylog)
    return;
  size_t old = e->keylog == NULL ? 0 : strlen(e->keylog), n = strlen(line);
  char *lines = OPENSSL_clear_realloc(e->keylog, old, old + n + 2);
  if (lines == NULL)
    return;
  memcpy(lines + old, line, n);
  memcpy(lines + old + n, "\n", 2);
  e->keylog = lines;
  e->events |= TLS_EV_KEYLOG;
}

char *tls_engine_take_keylog (struct tls_engine *e) {
  char *lines = e->keylog;
  e->keylog = NULL;
  return lines;
}

/* With a callback OpenSSL formats lines for all connections of a context, so
** it is installed with the first connection that wants them. */
void tls_engine_want_keylog (struct tls_engine *e) {
  e->want_keylog = true;
  SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(e->ssl), on_keylog);
}
