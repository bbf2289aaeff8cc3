/*
** faulty: the program of hard/allocations.lua: Lua, luv, libuv and our core in
** one, whose allocations fail when it is told so.
**
** faulty SCRIPT [ARGS]: runs it, with the module "faulty". There are three
** kinds of allocations, each with a name: "lua" is Lua's allocator, "openssl"
** OpenSSL's, "ours" what our C code asks malloc(3) for: its objects are linked
** with other names for that, see the Makefile.
**
**   faulty.arm(kind, n)  the nth allocation of this kind from now on fails,
**                        that one alone
**   faulty.disarm() -> failed, count   has it? and how many there were
**   faulty.live() -> openssl, ours     blocks that are not freed
**   faulty.fork() -> pid, or 0 in the child, whose loop is made anew
**   faulty.wait(pid) -> what it has ended with: "exit 1", "signal 11"
**   faulty.at(n)         notes n where the parent sees it: faulty.at() -> n
**   faulty.limit(s)      SIGALRM ends this process after as many seconds
**   faulty.quit(status)  ends it at once
*/
#include <execinfo.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "spec/support/state.h"

enum kind { LUA, OPENSSL, OURS, KINDS };

static const char *const names[] = {"lua", "openssl", "ours", NULL};

static struct {
  _Atomic bool armed, failed;
  enum kind kind;
  _Atomic long left, count; /* steps of handshakes are made on threads too */
} fault;

static _Atomic long live[KINDS];

/* Where the allocation is that fails: FAULTY_TRACE=1. */
static lua_State *main_state;

static void show_stack (void) {
  void *frames[40];
  lua_Debug ar;
  int level;
  for (level = 0; lua_getstack(main_state, level, &ar); level++)
    if (lua_getinfo(main_state, "Sl", &ar))
      fprintf(stderr, "at %s:%d\n", ar.short_src, ar.currentline);
  backtrace_symbols_fd(frames, backtrace(frames, 40), 2);
}

/* Does this allocation fail? */
static bool fails (enum kind kind) {
  if (!fault.armed || fault.kind != kind)
    return false;
  fault.count++;
  if (fault.left <= 0 || --fault.left > 0)
    return false;
  fault.failed = true;
  if (getenv("FAULTY_TRACE") != NULL)
    show_stack();
  return true;
}

/* ---- Lua's ---- */

static lua_Alloc real_alloc;

/* Lua asks once more for what it did not get, when it has collected. */
static struct {
  void *ptr;
  size_t old, size;
  bool asked;
} refused;

static void *faulty_lua (void *ud, void *ptr, size_t old, size_t size) {
  bool grows = size > (ptr != NULL ? old : 0);
  if (refused.asked && size > 0) {
    refused.asked = false;
    if (grows && refused.ptr == ptr && refused.size == size)
      return NULL;
  }
  if (grows && fails(LUA)) {
    refused.ptr = ptr;
    refused.size = size;
    refused.asked = true;
    return NULL;
  }
  return real_alloc(ud, ptr, old, size);
}

/* ---- OpenSSL's, and ours ---- */

static void *counted (enum kind kind, void *p) {
  if (p != NULL)
    live[kind]++;
  return p;
}

static void *get (enum kind kind, void *old, size_t size) {
  if (fails(kind))
    return NULL;
  return old != NULL ? realloc(old, size) : counted(kind, malloc(size));
}

static void drop (enum kind kind, void *p) {
  if (p != NULL)
    live[kind]--;
  free(p);
}

static void *openssl_malloc (size_t size, const char *file, int line) {
  (void)file, (void)line;
  return size == 0 ? NULL : get(OPENSSL, NULL, size);
}

static void openssl_free (void *p, const char *file, int line) {
  (void)file, (void)line;
  drop(OPENSSL, p);
}

static void *openssl_realloc (void *p, size_t size, const char *file,
                              int line) {
  if (size > 0)
    return get(OPENSSL, p, size);
  openssl_free(p, file, line);
  return NULL;
}

void *faulty_malloc (size_t size);
void *faulty_calloc (size_t n, size_t size);
void *faulty_realloc (void *p, size_t size);
void faulty_free (void *p);

void *faulty_malloc (size_t size) {
  return get(OURS, NULL, size);
}

void *faulty_calloc (size_t n, size_t size) {
  return fails(OURS) ? NULL : counted(OURS, calloc(n, size));
}

void *faulty_realloc (void *p, size_t size) {
  return get(OURS, p, size);
}

void faulty_free (void *p) {
  drop(OURS, p);
}

/* ---- the module ---- */

static int arm (lua_State *L) {
  fault.kind = (enum kind)luaL_checkoption(L, 1, NULL, names);
  fault.left = (long)luaL_checkinteger(L, 2);
  fault.count = 0;
  fault.failed = refused.asked = false;
  fault.armed = true;
  return 0;
}

static int disarm (lua_State *L) {
  fault.armed = false;
  lua_pushboolean(L, fault.failed);
  lua_pushinteger(L, (lua_Integer)fault.count);
  return 2;
}

/* What OpenSSL keeps for a thread, as its queue of errors with their texts, it
** makes again when it needs it. */
static int push_live (lua_State *L) {
  OPENSSL_thread_stop();
  lua_pushinteger(L, (lua_Integer)live[OPENSSL]);
  lua_pushinteger(L, (lua_Integer)live[OURS]);
  return 2;
}

static int fork_here (lua_State *L) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0)
    return luaL_error(L, "fork has failed");
  if (pid == 0 && uv_loop_fork(luv_loop(L)) != 0)
    return luaL_error(L, "uv_loop_fork has failed");
  lua_pushinteger(L, (lua_Integer)pid);
  return 1;
}

static int wait_for (lua_State *L) {
  int status = 0;
  waitpid((pid_t)luaL_checkinteger(L, 1), &status, 0);
  if (WIFSIGNALED(status))
    lua_pushfstring(L, "signal %d", WTERMSIG(status));
  else
    lua_pushfstring(L, "exit %d", WEXITSTATUS(status));
  return 1;
}

static volatile long *noted; /* shared with the children */

static int at (lua_State *L) {
  if (!lua_isnoneornil(L, 1))
    *noted = (long)luaL_checkinteger(L, 1);
  lua_pushinteger(L, (lua_Integer)*noted);
  return 1;
}

static int limit (lua_State *L) {
  alarm((unsigned)luaL_checkinteger(L, 1));
  return 0;
}

/* Without the end of a Lua state, which is not what is looked at. */
static int quit (lua_State *L) {
  fflush(NULL);
  _exit((int)luaL_checkinteger(L, 1));
}

static int open_module (lua_State *L) {
  static const luaL_Reg functions[] = {
      {"arm", arm},     {"disarm", disarm},  {"live", push_live},
      {"at", at},       {"fork", fork_here}, {"wait", wait_for},
      {"limit", limit}, {"quit", quit},      {NULL, NULL}};
  const luaL_Reg *f;
  lua_newtable(L);
  for (f = functions; f->name != NULL; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
  return 1;
}

static void preload (lua_State *L) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, open_module);
  lua_setfield(L, -2, "faulty");
  lua_pop(L, 2);
}

/* Lua seeds its hash by the time, and by addresses: the same ones each time,
** so that an N is the same allocation again. */
time_t __wrap_time (time_t *t);
time_t __real_time (time_t *t);

static bool seeded;

time_t __wrap_time (time_t *t) {
  return seeded ? __real_time(t) : 1;
}

static void same_addresses (char **argv) {
  int old = personality(0xffffffff);
  if (old >= 0 && (old & ADDR_NO_RANDOMIZE) == 0 &&
      personality((unsigned)old | ADDR_NO_RANDOMIZE) >= 0)
    execv("/proc/self/exe", argv);
}

int main (int argc, char **argv) {
  void *ud;
  same_addresses(argv);
  if (argc < 2 ||
      !CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free))
    return 2;
  noted = mmap(NULL, sizeof *noted, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  lua_State *L = new_state(NULL);
  seeded = true;
  if (L == NULL || noted == MAP_FAILED)
    return 2;
  main_state = L;
  real_alloc = lua_getallocf(L, &ud);
  lua_setallocf(L, faulty_lua, ud);
  preload(L);
  int status = run_script(L, argc, argv);
  lua_close(L);
  return status != LUA_OK;
}
