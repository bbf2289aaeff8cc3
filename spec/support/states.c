/*
** states: a program with several Lua states, and OpenSSL for itself.
** states SCRIPT [ARGS]: runs it in states that are open at the same time and
** closed in several orders, then in several threads at once. The script leaves
** its state as it likes. Prints "ok" after OpenSSL has been used once more.
*/
#include <pthread.h>

#include <openssl/ssl.h>

#include "state.h"

#define AT_ONCE 3
#define THREADS 3

static const int orders[][AT_ONCE] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};

static struct {
  int argc;
  char **argv;
} args;

/* A state in which the script has been run, not closed; NULL if it failed. */
static lua_State *open_state (void) {
  lua_State *L = new_state(NULL);
  if (L == NULL || run_script(L, args.argc, args.argv) == LUA_OK)
    return L;
  lua_close(L);
  return NULL;
}

/* The library's functions must not be missing where OpenSSL has kept them. */
static int use_openssl (void) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_method());
  SSL *ssl = ctx == NULL ? NULL : SSL_new(ctx);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
  return ssl != NULL;
}

static int close_in_order (const int *order) {
  lua_State *states[AT_ONCE];
  int i, ok = 1;
  for (i = 0; i < AT_ONCE; i++)
    states[i] = open_state();
  for (i = 0; i < AT_ONCE; i++) {
    if (states[order[i]] != NULL)
      lua_close(states[order[i]]);
    else
      ok = 0;
  }
  return ok && use_openssl();
}

static void *run_thread (void *result) {
  int i;
  int *ok = result;
  *ok = 1;
  for (i = 0; i < AT_ONCE; i++) {
    lua_State *L = open_state();
    if (L == NULL)
      *ok = 0;
    else
      lua_close(L);
  }
  return NULL;
}

static int run_threads (void) {
  pthread_t threads[THREADS];
  int results[THREADS], i, ok = 1;
  for (i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, run_thread, &results[i]) != 0)
      return 0;
  for (i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    ok = ok && results[i];
  }
  return ok && use_openssl();
}

int main (int argc, char **argv) {
  size_t i;
  args.argc = argc;
  args.argv = argv;
  if (argc < 2)
    return 2;
  for (i = 0; i < sizeof orders / sizeof orders[0]; i++)
    if (!close_in_order(orders[i]))
      return 1;
  if (!run_threads())
    return 1;
  puts("ok");
  return 0;
}
