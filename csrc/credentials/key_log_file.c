/*
** key_log_file: SSLKEYLOGFILE, see key_log_file.h.
*/
#include "key_log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <openssl/crypto.h>

#include "engine/engine.h"
#include "lua/environment.h"

/* All Lua states and threads of the process share the file, and so does a
** child after fork(2). It stays open: connections may outlive the state that
** has made their context. */
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int file = -1;      /* owned; -1: there is none */
static struct stat opened; /* what it was then */

/* A file that cannot be opened is no reason to fail. Nobody but the user may
** read it. A FIFO without a reader must not stop the program: O_NONBLOCK. */
static void open_file (void) {
  const char *name = tls_environment_get("SSLKEYLOGFILE");
  if (name == NULL || *name == '\0')
    return;
  do
    file = open(
        name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        0600);
  while (file < 0 && errno == EINTR);
  if (file < 0 || fstat(file, &opened) != 0)
    fprintf(stderr, "tls: cannot write SSLKEYLOGFILE %s: %s\n", name,
            strerror(errno));
}

/* A daemon that closes all its descriptors has closed this one, too. Its number
** may be a socket's by now, which is to get no secrets. */
static bool is_still_there (void) {
  struct stat now;
  return fstat(file, &now) == 0 && now.st_dev == opened.st_dev &&
         now.st_ino == opened.st_ino;
}

/* SSL_CTX_set_keylog_callback(3). The line leaves in one write, so that those
** of several threads and processes do not mix, and from where OpenSSL has it:
** no copy of it is left behind. One that cannot be written is lost. */
static void on_keylog (const SSL *ssl, const char *line) {
  struct iovec parts[] = {{(void *)line, strlen(line)}, {"\n", 1}};
  if (is_still_there())
    while (writev(file, parts, 2) < 0 && errno == EINTR)
      continue;
  tls_engine_on_keylog(ssl, line);
}

void tls_key_log_file_install (SSL_CTX *ctx) {
  if (CRYPTO_THREAD_run_once(&once, open_file) && file >= 0)
    SSL_CTX_set_keylog_callback(ctx, on_keylog);
}
