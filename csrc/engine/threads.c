/*
** threads: one lock around all steps elsewhere, see threads.h.
*/
#define _GNU_SOURCE /* for the initializer below */
#include "threads.h"

#include <pthread.h>
#include <stdlib.h>

/* Who waits to change something goes before steps that have not begun. Else, in
** glibc, steps that overlap would let it wait for as long as clients come. */
#ifdef PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
static pthread_rwlock_t lock =
    PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
#else
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool allowed; /* set once */
static bool exiting; /* guarded by the lock */

/* Registered after OpenSSL's own, which frees what a step uses: so it runs
** before. libuv waits for its threads later still, so none of them may wait for
** this one for ever. */
static void on_exit_begun (void) {
  tls_threads_stop();
  exiting = true;
  tls_threads_go_on();
}

static void prepare (void) {
  allowed = atexit(on_exit_begun) == 0;
}

bool tls_threads_allow (void) {
  return pthread_once(&once, prepare) == 0 && allowed;
}

bool tls_threads_enter (void) {
  pthread_rwlock_rdlock(&lock);
  if (!exiting)
    return true;
  pthread_rwlock_unlock(&lock);
  return false;
}

void tls_threads_leave (void) {
  pthread_rwlock_unlock(&lock);
}

void tls_threads_stop (void) {
  pthread_rwlock_wrlock(&lock);
}

void tls_threads_go_on (void) {
  pthread_rwlock_unlock(&lock);
}
