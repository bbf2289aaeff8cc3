/*
** away: steps on libuv's threads, see away.h and uv_queue_work().
**
** A connection that has to wait for a thread stands in a queue, and its engine
** is at home until then: it reads on, and may be closed or time out.
*/
#include "away.h"

#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "engine/threads.h"
#include "events.h"
#include "handshake_turns.h"
#include "read.h"
#include "transport_failure.h"
#include "write.h"

#define POOL_SIZE 4     /* libuv's, unless the environment says otherwise */
#define MOST_THREADS 64 /* nobody needs more */
#define PATIENCE 200    /* ms, in lua_close() */

/* One step. Owned by libuv once it has been queued, until on_done(); before
** that by its connection. The uv_work_t lies behind it. */
struct tls_away {
  _Alignas(max_align_t) struct tls_connection *connection; /* borrowed; NULL
                                    once that has been closed */
  struct tls_lua_state *state;    /* borrowed; NULL after lua_close() */
  struct tls_engine *engine;      /* borrowed from the connection */
  struct tls_buffer_pool pool;    /* the engine's, meanwhile */
  struct tls_away *next, *before; /* in the state's list */
  unsigned events;                /* what the step has given */
  bool queued;                    /* with libuv */
  bool called_back; /* the step is not to be begun any more; this and the next
                       are guarded by threads.h's lock */
  bool made;        /* the step, as a whole */
};

/* === the state's list: those that wait, then those that are queued ======= */

static void link_last (struct tls_away_list *list, struct tls_away *a) {
  a->before = list->last;
  a->next = NULL;
  *(list->last == NULL ? &list->first : &list->last->next) = a;
  list->last = a;
}

static void unlink_one (struct tls_away_list *list, struct tls_away *a) {
  *(a->before == NULL ? &list->first : &a->before->next) = a->next;
  *(a->next == NULL ? &list->last : &a->next->before) = a->before;
  a->before = a->next = NULL;
}

/* === there ============================================================= */

/* On another thread. Nothing of the step enters Lua or libuv. */
static void work (void *req) {
  struct tls_away *a = (struct tls_away *)req - 1;
  size_t got;
  if (!tls_threads_enter())
    return;
  if (!a->called_back) {
    a->events = tls_engine_step(a->engine, NULL, 0, &got);
    a->made = true;
  }
  tls_threads_leave();
}

/* === and back ========================================================== */

/* The engine is home; what the step has given counts. */
static void come_home (struct tls_away *a) {
  struct tls_connection *c = a->connection;
  if (!c->is_away)
    return;
  tls_records_use_pool(tls_engine_records(c->engine), &c->lua->pool);
  tls_buffer_pool_free(&a->pool);
  c->events |= a->events;
  c->is_away = false;
}

/* Nothing of the connection's refers to it any more. */
static void forget (struct tls_away *a) {
  if (a->connection != NULL)
    a->connection->away = NULL;
  a->connection = NULL;
}

/* In the loop's next turn: libuv tells of several steps in one go, and a
** listener that runs the loop would wait for ever for those behind its own.
** Without memory the connection ends. */
static void drive_later (struct tls_connection *c) {
  c->drive_asked = true;
  tls_connection_emit(c, TLS_ON_driveLater);
}

static void start_next (struct tls_lua_state *state);
static void drive_next (struct tls_lua_state *state);

/* The last of it enters Lua, which may free any connection. */
static void on_done (void *req, int status) {
  struct tls_away *a = (struct tls_away *)req - 1;
  struct tls_lua_state *state = a->state;
  struct tls_connection *c = a->connection;
  (void)status; /* cancelled or not */
  if (state != NULL)
    unlink_one(&state->away.at_work, a);
  if (c != NULL)
    come_home(a);
  forget(a);
  free(a);
  if (state == NULL)
    return;
  state->away.running--;
  state->away.telling++;
  start_next(state);
  if (c != NULL)
    drive_later(c);
  drive_next(state);
  state->away.telling--;
}

/* === lua_close() ======================================================== */

/* None begins any more, and none is made. */
static void call_all_back (struct tls_lua_state *state) {
  struct tls_away *a;
  tls_threads_stop();
  for (a = state->away.at_work.first; a != NULL; a = a->next)
    a->called_back = true;
  tls_threads_go_on();
  for (a = state->away.at_work.first; a != NULL; a = a->next) {
    if (a->connection != NULL)
      come_home(a);
    forget(a);
    state->uv.uv_cancel(a + 1); /* it need not wait for others' work, either */
  }
}

/* All that is left of a step is to be told, by a thread that has no more to do
** than that, and by libuv. Where the state is closed while libuv tells of some
** that threads have done, the others of these are lost, be they ours or not.
** Below on_done() that is known; else there is no other sign of it than time.
*/
static bool settle (struct tls_lua_state *state) {
  const struct timespec ms = {.tv_nsec = 1000000};
  int i;
  if (state->away.at_work.first != NULL)
    call_all_back(state);
  if (state->away.telling > 0)
    return false;
  for (i = 0; state->away.at_work.first != NULL && i < PATIENCE; i++) {
    state->uv.uv_run(state->luv->loop, TLS_UV_RUN_NOWAIT);
    if (state->away.at_work.first != NULL)
      nanosleep(&ms, NULL);
  }
  return state->away.at_work.first == NULL;
}

static void forget_all (struct tls_lua_state *state) {
  struct tls_away *a;
  for (a = state->away.at_work.first; a != NULL; a = a->next)
    a->state = NULL;
}

/* === setting out ======================================================== */

/* From here on all that is the step's belongs to another thread. */
static void set_out (struct tls_away *a) {
  struct tls_connection *c = a->connection;
  struct tls_away_work *work_of_state = &a->state->away;
  tls_connection_stop_reading(c);
  tls_records_use_pool(tls_engine_records(c->engine), &a->pool);
  a->queued = c->is_away = true;
  work_of_state->settle = settle;
  work_of_state->forget = forget_all;
  work_of_state->running++;
  link_last(&work_of_state->at_work, a);
}

/* Its steps are made here from now on. */
static void stay (struct tls_away *a) {
  a->connection->stays = true;
  forget(a);
  free(a);
}

/* False when libuv has no memory. */
static bool start (struct tls_away *a) {
  struct tls_lua_state *state = a->state;
  set_out(a);
  if (state->uv.uv_queue_work(state->luv->loop, a + 1, work, on_done) >= 0)
    return true;
  unlink_one(&state->away.at_work, a);
  state->away.running--;
  a->queued = false;
  come_home(a);
  return false;
}

/* Nothing may be under way that would come back to the engine. */
static bool may_leave (const struct tls_connection *c) {
  return c->threads > 0 && !c->stays && c->handle != NULL &&
         c->life == TLS_LIFE_STARTED && c->output == TLS_OUTPUT_IDLE &&
         c->write == NULL && c->transport_failure == TLS_FAILURE_NONE &&
         c->events == 0 && c->queries == 0 && !c->output_held;
}

/* While it waited, it may have begun what keeps it here: a query, say, whose
** finalizer runs the loop. */
static bool may_start (const struct tls_connection *c) {
  return !c->driving && may_leave(c) && tls_engine_signs_next(c->engine);
}

/* One for each that has come back. Lua is not entered: the one that has come
** back is still to be driven. */
static void start_next (struct tls_lua_state *state) {
  struct tls_away *a = state->away.waiting.first;
  if (a == NULL || state->closing || !may_start(a->connection))
    return;
  unlink_one(&state->away.waiting, a);
  if (!start(a))
    stay(a);
}

/* Whoever waits although there is room: the first could not start. Each does
** here what it can, or goes after all. (One that libuv has had no memory for
** ends by its timeout; libuv does not ask for any.) */
static void drive_next (struct tls_lua_state *state) {
  struct tls_away *a;
  while ((a = state->away.waiting.first) != NULL && !state->closing &&
         state->away.running < a->connection->threads) {
    struct tls_connection *c = a->connection;
    unlink_one(&state->away.waiting, a);
    forget(a);
    free(a);
    drive_later(c);
  }
}

/* === going ============================================================= */

int tls_away_count (lua_State *L) {
  lua_pushinteger(L, tls_lua_state_get(L)->away.running);
  return 1;
}

unsigned tls_away_most (void) {
  const char *text = getenv("UV_THREADPOOL_SIZE");
  long size = text == NULL ? POOL_SIZE : strtol(text, NULL, 10);
  if (size < 2)
    return 1;
  return size > MOST_THREADS ? MOST_THREADS : (unsigned)size - 1;
}

static struct tls_away *make (struct tls_connection *c) {
  struct tls_lua_state *state = c->lua;
  struct tls_away *a = malloc(sizeof *a + state->uv.uv_req_size(TLS_UV_WORK));
  if (a == NULL)
    return NULL;
  *a = (struct tls_away){.connection = c, .state = state, .engine = c->engine};
  c->away = a;
  return a;
}

/* Whether it is still to wait: a client that has ended is not worth a
** signature. What has come meanwhile waits, too. */
static bool goes_on_waiting (struct tls_connection *c) {
  struct tls_away *a = c->away;
  if (a->queued || !tls_handshake_turns_client_gone(c)) {
    tls_connection_keep_unread(c);
    return true;
  }
  unlink_one(&c->lua->away.waiting, a);
  stay(a);
  return false;
}

bool tls_away_go (struct tls_connection *c) {
  if (c->away != NULL)
    return goes_on_waiting(c);
  if (!may_leave(c) || !tls_engine_signs_next(c->engine))
    return false;
  tls_connection_keep_unread(c);
  struct tls_away *a = make(c);
  if (a == NULL)
    return false;
  if (c->lua->away.running >= c->threads) {
    link_last(&c->lua->away.waiting, a);
    return true;
  }
  if (start(a))
    return true;
  stay(a);
  return false;
}

void tls_away_call_back (struct tls_connection *c) {
  if (!c->is_away)
    return;
  tls_threads_stop();
  c->away->called_back = true;
  c->stays =
      !c->away->made; /* or who asks each turn would never let it begin */
  tls_threads_go_on();
  come_home(c->away);
}

void tls_away_leave (struct tls_connection *c) {
  struct tls_away *a = c->away;
  if (a == NULL)
    return;
  tls_away_call_back(c);
  forget(a);
  if (a->queued)
    return;
  unlink_one(&c->lua->away.waiting, a);
  free(a);
}
