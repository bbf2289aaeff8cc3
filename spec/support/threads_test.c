/*
** threads_test: the lock around steps on other threads, see engine/threads.h.
*/
#include "check.h"
#include "engine/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENOUGH 20000 /* who waits for so many steps waits for ever */

static atomic_uint begun; /* steps */
static atomic_bool ended;

static double seconds (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* It lasts until the next one has begun on another thread. When none can begin
** any more, it is over soon, as every step is. */
static void step (void) {
  if (!tls_threads_enter())
    abort();
  unsigned mine = atomic_fetch_add(&begun, 1) + 1;
  double until = seconds() + 0.1;
  while (atomic_load(&begun) == mine && seconds() < until)
    sched_yield();
  tls_threads_leave();
}

static void *make_steps (void *arg) {
  (void)arg;
  while (!atomic_load(&ended) && atomic_load(&begun) < ENOUGH)
    step();
  return NULL;
}

static void begin (pthread_t *threads) {
  int i;
  atomic_store(&begun, 0);
  atomic_store(&ended, false);
  for (i = 0; i < 2; i++)
    if (pthread_create(&threads[i], NULL, make_steps, NULL) != 0)
      abort();
  while (atomic_load(&begun) < 10)
    sched_yield();
}

static void end (pthread_t *threads) {
  int i;
  atomic_store(&ended, true);
  for (i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
}

static void test_stops_in_the_end (void) {
  pthread_t threads[2];
  begin(threads);
  tls_threads_stop();
  unsigned then = atomic_load(&begun);
  CHECK(then < ENOUGH);
  usleep(1000);
  CHECK(atomic_load(&begun) == then);
  tls_threads_go_on();
  end(threads);
}

/* A child has no other threads: what they have locked stays locked there. */
static void test_child (void) {
  pthread_t threads[2];
  int status = -1;
  begin(threads);
  pid_t pid = fork();
  if (pid == 0) {
    alarm(20);
    tls_threads_stop();
    tls_threads_go_on();
    bool enters = tls_threads_enter();
    tls_threads_leave();
    _exit(enters ? 0 : 1);
  }
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
  end(threads);
}

void test_threads (void) {
  CHECK(tls_threads_allow());
  test_stops_in_the_end();
  test_child();
}
