/*
** box: a userdata that owns one OpenSSL object while Lua may throw, so that
** an error between "made" and "freed" leaks nothing.
*/
#ifndef tls_box_h
#define tls_box_h

#include "compat.h"

struct tls_box {
  void *p;               /* owned; NULL while empty */
  void (*drop)(void *p); /* frees 'p'; never called with NULL */
};

/* Push an empty box; store what it shall own in 'p' afterwards. [-0, +1] */
struct tls_box *tls_box_push (lua_State *L, void (*drop)(void *));

/* Free the content now. The box may be filled again. */
void tls_box_empty (struct tls_box *box);

/* Push an empty buffer of 'size' bytes that Lua collects. [-0, +1] */
unsigned char *tls_box_buffer (lua_State *L, size_t size);

/* Define the drop function of a type: TLS_BOX_DROP(drop_bio, BIO, BIO_free) */
#define TLS_BOX_DROP(name, type, release) \
  static void name(void *p) {             \
    type *object = p;                     \
    release(object);                      \
  }

#endif
