/*
** threads: one lock around all steps elsewhere, see threads.h.
*/
#include "threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_bool allowed; /* somebody may be on another thread */
static bool exiting;        /* guarded by the lock */

/* Registered after OpenSSL's own, which frees what a step uses: so it runs
** before. libuv waits for its threads later still, so none of them may wait for
** this one for ever. */
static void on_exit_begun (void) {
  tls_threads_stop();
  exiting = true;
  tls_threads_go_on();
}

static void prepare (void) {
  atomic_store(&allowed, atexit(on_exit_begun) == 0);
}

bool tls_threads_allow (void) {
  return pthread_once(&once, prepare) == 0 && atomic_load(&allowed);
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
  if (atomic_load_explicit(&allowed, memory_order_relaxed))
    pthread_rwlock_wrlock(&lock);
}

void tls_threads_go_on (void) {
  if (atomic_load_explicit(&allowed, memory_order_relaxed))
    pthread_rwlock_unlock(&lock);
}
