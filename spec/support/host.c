/*
** host: a program with Lua, luv and libuv linked in, as some runtimes are.
** host SCRIPT [ARGS]: runs it. HOST_CLOSE=1 closes the state at the end;
** HOST_LOOP=1 does, too, and the loop is the program's own, which runs on.
*/
#include <stdlib.h>

#include "state.h"

struct search {
  const void *handle;
  int found;
};

static void compare (uv_handle_t *handle, void *arg) {
  struct search *search = arg;
  search->found = search->found || handle == search->handle;
}

/* A handle's __gc. Upvalues: luv's own, the loop. */
static int leave_to_host (lua_State *L) {
  struct search search = {*(void **)lua_touserdata(L, 1), 0};
  uv_walk(lua_touserdata(L, lua_upvalueindex(2)), compare, &search);
  if (search.found)
    return 0;
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_call(L, 1, 0);
  return 0;
}

/* luv's finalizers close its handles. The callbacks of that would come after
** lua_close and use luv's context, which has gone by then (luv 1.44). So what
** is on the loop is taken from luv as it is. */
static void adopt_handles (lua_State *L, uv_loop_t *loop) {
  static const char *const types[] = {"uv_tcp", "uv_pipe", "uv_timer",
                                      "uv_idle"};
  size_t i;
  for (i = 0; i < sizeof types / sizeof types[0]; i++) {
    luaL_getmetatable(L, types[i]);
    lua_getfield(L, -1, "__gc");
    lua_pushlightuserdata(L, loop);
    lua_pushcclosure(L, leave_to_host, 2);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
  }
}

static void free_handle (uv_handle_t *handle) {
  free(handle->data);
  free(handle);
}

static void close_handle (uv_handle_t *handle, void *arg) {
  (void)arg;
  if (!uv_is_closing(handle))
    uv_close(handle, free_handle);
}

/* What the state has left on the loop comes to its end. */
static int finish_loop (uv_loop_t *loop) {
  uv_walk(loop, close_handle, NULL);
  uv_run(loop, UV_RUN_DEFAULT);
  int status = uv_loop_close(loop);
  if (status < 0)
    fprintf(stderr, "host: %s\n", uv_strerror(status));
  return status;
}

int main (int argc, char **argv) {
  uv_loop_t own, *loop = getenv("HOST_LOOP") != NULL ? &own : NULL;
  if (argc < 2 || (loop != NULL && uv_loop_init(loop) < 0))
    return 2;
  lua_State *L = new_state(loop);
  if (L == NULL)
    return 2;
  int status = run_script(L, argc, argv);
  if (loop != NULL)
    adopt_handles(L, loop);
  if (loop != NULL || getenv("HOST_CLOSE") != NULL)
    lua_close(L);
  if (loop != NULL && finish_loop(loop) < 0)
    return 1;
  return status != LUA_OK;
}
