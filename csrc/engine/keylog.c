/*
** keylog: collects the lines of the key log, in the format of NSS, until the
** owner takes them.
*/
#include <string.h>

#include "engine_state.h"
#include "threads.h"

/* The lines are secrets: memory is cleansed when it is freed. A line for which
** there is no memory is left out. */
void tls_engine_on_keylog (const SSL *ssl, const char *line) {
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
** it is installed with the first connection that wants them, unless the owner
** has one of its own, which calls ours. */
void tls_engine_want_keylog (struct tls_engine *e) {
  SSL_CTX *ctx = SSL_get_SSL_CTX(e->ssl);
  e->want_keylog = true;
  if (SSL_CTX_get_keylog_callback(ctx) != NULL)
    return;
  tls_threads_stop();
  SSL_CTX_set_keylog_callback(ctx, tls_engine_on_keylog);
  tls_threads_go_on();
}
