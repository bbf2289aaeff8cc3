/*
** host: a program with Lua, luv and libuv linked in, whose Lua wipes each block
** of memory that it gives back but for userdata, in which C has its own copies.
** So of what Lua strings have held nothing stays, and what is found in this
** process is C's: ours, OpenSSL's or libuv's.
**
**   host SCRIPT [ARGUMENT...]
**
** With HOST_WIPES_OPENSSL=1 OpenSSL's memory is wiped as well: then it is ours.
** secret(PATH) is a file's text, of which there is no other copy.
*/
#define _GNU_SOURCE /* explicit_bzero */
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lua.h>
#include <openssl/crypto.h>

#if LUA_VERSION_NUM >= 505
#define NEW_LUA_STATE() lua_newstate(reallocate, NULL, 0)
#else
#define NEW_LUA_STATE() lua_newstate(reallocate, NULL)
#endif

/* A block that grows moves, so that its old place is wiped. */
static void *moved (void *block, size_t size, size_t wanted) {
  void *result = NULL;
  if (block != NULL && wanted == size)
    return block;
  if (wanted != 0) {
    result = malloc(wanted);
    if (result == NULL)
      return NULL;
    if (block != NULL)
      memcpy(result, block, size < wanted ? size : wanted);
  }
  if (block != NULL)
    explicit_bzero(block, size);
  free(block);
  return result;
}

/* What stands in front of each block of Lua's. */
struct header {
  _Alignas(max_align_t) bool is_userdata;
};

/* lua_Alloc. For a new block Lua 5.2 and later say in 'size' what it is for. */
static void *reallocate (void *ud, void *block, size_t size, size_t wanted) {
  struct header *header = block == NULL ? NULL : (struct header *)block - 1;
  bool is_userdata =
      block == NULL ? size == LUA_TUSERDATA : header->is_userdata;
  (void)ud;
  if (wanted == 0 && is_userdata) {
    free(header);
    return NULL;
  }
  header = moved(header, block == NULL ? 0 : size + sizeof *header,
                 wanted == 0 ? 0 : wanted + sizeof *header);
  if (header == NULL)
    return NULL;
  header->is_userdata = is_userdata;
  return header + 1;
}

static void *allocate (size_t size, const char *file, int line) {
  (void)file;
  (void)line;
  return malloc(size);
}

static void release (void *block, const char *file, int line) {
  (void)file;
  (void)line;
  if (block != NULL)
    explicit_bzero(block, malloc_usable_size(block));
  free(block);
}

static void *move (void *block, size_t wanted, const char *file, int line) {
  if (block != NULL)
    return moved(block, malloc_usable_size(block), wanted);
  return allocate(wanted, file, line);
}

#include "../../spec/support/state.h"

enum { MOST = 65536 };
static char text[MOST];

static int secret (lua_State *L) {
  int fd = open(luaL_checkstring(L, 1), O_RDONLY);
  ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text);
  if (size < 0)
    return luaL_error(L, "%s cannot be read", lua_tostring(L, 1));
  close(fd);
  lua_pushlstring(L, text, (size_t)size);
  explicit_bzero(text, sizeof text);
  return 1;
}

int main (int argc, char **argv) {
  lua_State *L;
  int status;
  if (getenv("HOST_WIPES_OPENSSL") != NULL &&
      CRYPTO_set_mem_functions(allocate, move, release) != 1)
    return 2;
  L = argc < 2 ? NULL : new_state(NULL);
  if (L == NULL)
    return 2;
  lua_register(L, "secret", secret);
  status = run_script(L, argc, argv);
  lua_close(L);
  return status != LUA_OK;
}
