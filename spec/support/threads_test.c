/*
** threads_test: who wants to change what steps elsewhere read is let in, also
** while these overlap without an end.
*/
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"
#include "engine/threads.h"

#define THREADS 2
#define MOST 400 /* steps of a thread, after which it gives up */
#define NAPS 4   /* the most that one step waits for another to begin */

static atomic_int begun;
static atomic_bool changed;

static void nap (void) {
  nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* One that leaves no gap: it ends when another one has begun. */
static void make_step (void) {
  int naps, mine = ++begun;
  for (naps = 0; begun == mine && naps < NAPS; naps++)
    nap();
}

static void *make_steps (void *arg) {
  int i;
  for (i = 0; i < MOST && !changed && tls_threads_enter(); i++) {
    make_step();
    tls_threads_leave();
  }
  return arg;
}

void test_threads (void) {
  pthread_t threads[THREADS];
  int i;
  CHECK(tls_threads_allow());
  for (i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, make_steps, NULL) == 0);
  while (begun < THREADS)
    nap();
  tls_threads_stop();
  i = begun;
  changed = true;
  nap();
  CHECK(begun == i);
#ifdef __GLIBC__ /* others decide for themselves who goes first */
  CHECK(i < MOST);
#endif
  tls_threads_go_on();
  for (i = 0; i < THREADS; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
}
