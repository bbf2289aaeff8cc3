/*
** libuv_symbols: libuv's functions, see libuv_symbols.h and dlsym(3).
*/
#define _GNU_SOURCE /* dladdr */
#include "libuv_symbols.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* A handle on the image (the executable or library) that was loaded from
** 'path'. Where luv is linked into the executable, dlopen() refuses that path,
** and NULL names the program. A library's dependencies are searched with it,
** so libuv.so is found through luv.so. The library is never unloaded, because
** ours, which calls it, is not either (see module.c): Lua 5.1 unloads luv
** before it finalizes what is older than luv and may hold luv's handles. */
static void *open_image (const char *path) {
  void *image = dlopen(path, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  return image != NULL ? image : dlopen(NULL, RTLD_LAZY);
}

/* ISO C has no cast from data to function pointers, so memcpy(). */
static bool resolve (void *image, const char *name, void *slot, size_t size) {
  void *address = dlsym(image, name);
  memcpy(slot, &address, size);
  return address != NULL;
}

static const char *resolve_all (struct tls_uv *uv, void *image) {
#define X(name, result, args)                             \
  if (!resolve(image, #name, &uv->name, sizeof uv->name)) \
    return #name;
  TLS_UV_FUNCTIONS(X)
#undef X
  return NULL;
}

bool tls_libuv_symbols_resolve (struct tls_uv *uv, const void *of, char *why,
                                size_t size) {
  Dl_info info;
  if (of == NULL || dladdr(of, &info) == 0) {
    snprintf(why, size, "tls: cannot tell which library holds luv");
    return false;
  }
  void *image = open_image(info.dli_fname);
  if (image == NULL) {
    snprintf(why, size, "tls: cannot open %s, which holds luv", info.dli_fname);
    return false;
  }
  const char *missing = resolve_all(uv, image);
  if (missing != NULL)
    snprintf(why, size,
             "tls: %s, which holds luv, does not export %s (a program with "
             "luv linked in must export its symbols: link it with -Wl,-E)",
             info.dli_fname, missing);
  dlclose(image); /* lowers a count; the image stays */
  return missing == NULL;
}
