/*
** threads: one lock around all steps elsewhere, see threads.h.
*/
#include "threads.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
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

/* A child has none of the other threads, and nobody who would unlock what they
** have locked. (The locks were this thread's, by tls_threads_stop(); but a
** thread has another number in a child.) */
static void on_forked (void) {
  lock = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
  gate = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

static void prepare (void) {
  allowed =
      pthread_atfork(tls_threads_stop, tls_threads_go_on, on_forked) == 0 &&
      atexit(on_exit_begun) == 0;
}

bool tls_threads_allow (void) {
  return pthread_once(&once, prepare) == 0 && allowed;
}

/* Who stops the others holds the gate, or they would never stop while there
** are always some of them: a rwlock may prefer those that read. */
bool tls_threads_enter (void) {
  pthread_mutex_lock(&gate);
  pthread_rwlock_rdlock(&lock);
  pthread_mutex_unlock(&gate);
  if (!exiting)
    return true;
  pthread_rwlock_unlock(&lock);
  return false;
}

void tls_threads_leave (void) {
  pthread_rwlock_unlock(&lock);
}

void tls_threads_stop (void) {
  pthread_mutex_lock(&gate);
  pthread_rwlock_wrlock(&lock);
}

void tls_threads_go_on (void) {
  pthread_rwlock_unlock(&lock);
  pthread_mutex_unlock(&gate);
}
