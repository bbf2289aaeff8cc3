/*
** trust: the certificates that are trusted when no 'ca' is given, see trust.h.
*/
#define _GNU_SOURCE /* dladdr */
#include "trust.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "box.h"
#include "credentials.h"
#include "push.h"
#include "safe_getenv.h"

#define STORE_T "tls.store"

static const char chosen_key = 0; /* its address is the key in the registry */

static X509_STORE *system_store; /* owned by the process */
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static const char *variable (const char *name, const char *otherwise) {
  const char *value = tls_safe_getenv(name);
  return value != NULL && *value != '\0' ? value : otherwise;
}

/* As Node does with NODE_EXTRA_CA_CERTS: a file that cannot be read is worth a
** warning, and no more. */
static void add_extra (X509_STORE *store) {
  const char *file = variable("LUA_EXTRA_CA_CERTS", NULL);
  if (file == NULL || X509_STORE_load_file(store, file))
    return;
  fprintf(stderr, "Warning: ignoring extra certs from '%s'\n", file);
}

static void free_system (void) {
  X509_STORE_free(system_store);
  system_store = NULL;
}

/* The last Lua state unloads this library, and another one may come: the store
** is to be there then, and free_system() when the process ends. */
static void stay_loaded (void) {
  Dl_info us;
  if (dladdr(&once, &us) != 0)
    dlopen(us.dli_fname, RTLD_NOW | RTLD_NODELETE); /* a program cannot go */
}

static void load_system (void) {
  stay_loaded();
  if (!OPENSSL_atexit(free_system))
    return;
  system_store = X509_STORE_new();
  if (system_store == NULL)
    return;
  X509_STORE_set_default_paths(system_store); /* no files: an empty store */
  add_extra(system_store);
  ERR_clear_error();
}

X509_STORE *tls_trust_system (void) {
  if (!CRYPTO_THREAD_run_once(&once, load_system))
    return NULL;
  return system_store;
}

static int store_gc (lua_State *L) {
  X509_STORE **box = luaL_checkudata(L, 1, STORE_T);
  X509_STORE_free(*box);
  *box = NULL;
  return 0;
}

/* An empty, already collectable box. [-0, +1] */
static X509_STORE **new_store_box (lua_State *L) {
  X509_STORE **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, STORE_T);
  return box;
}

X509_STORE *tls_trust_chosen (lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &chosen_key);
  X509_STORE **box = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return box == NULL ? NULL : *box;
}

/* The folder of hashed names is read on demand: the copy looks there too. */
static bool copy_lookup (X509_STORE *to, const X509_STORE *from) {
  if (from != system_store)
    return true;
  X509_LOOKUP *lookup = X509_STORE_add_lookup(to, X509_LOOKUP_hash_dir());
  if (lookup == NULL)
    return false;
  X509_LOOKUP_add_dir(lookup, NULL, X509_FILETYPE_DEFAULT);
  return true;
}

static bool copy_certs (X509_STORE *to, X509_STORE *from) {
  int i;
  bool ok = X509_STORE_lock(from); /* another thread may be looking one up */
  STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(from);
  for (i = 0; ok && i < sk_X509_OBJECT_num(objects); i++) {
    X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
    ok = cert == NULL || X509_STORE_add_cert(to, cert);
  }
  X509_STORE_unlock(from);
  return ok;
}

X509_STORE *tls_trust_copy (X509_STORE *from) {
  X509_STORE *to = from == NULL ? NULL : X509_STORE_new();
  if (to != NULL && copy_certs(to, from) && copy_lookup(to, from))
    return to;
  X509_STORE_free(to); /* NULL is allowed */
  return NULL;
}

int tls_trust_set_default (lua_State *L) {
  int i;
  luaL_checktype(L, 1, LUA_TTABLE);
  X509_STORE **box = new_store_box(L);
  *box = X509_STORE_new();
  if (*box == NULL)
    return tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED", "out of memory");
  for (i = 1; i <= (int)lua_rawlen(L, 1); i++) {
    struct tls_text pem;
    lua_rawgeti(L, 1, i);
    pem.data = luaL_checklstring(L, -1, &pem.size);
    ERR_clear_error();
    if (!tls_load_anchors(*box, NULL, pem))
      return tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                               "not a certificate in PEM");
    lua_pop(L, 1);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &chosen_key);
  return 0;
}

TLS_BOX_DROP(drop_bio, BIO, BIO_free)
TLS_BOX_DROP(drop_cert, X509, X509_free)

/* Push 'cert' as PEM. [-0, +1] */
static void push_pem (lua_State *L, X509 *cert) {
  char *text;
  struct tls_box *box = tls_box_push(L, drop_bio);
  BIO *out = box->p = BIO_new(BIO_s_mem());
  if (out == NULL || !PEM_write_bio_X509(out, cert))
    tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED", "out of memory");
  long n = BIO_get_mem_data(out, &text);
  lua_pushlstring(L, text, (size_t)n);
  tls_box_empty(box);
  lua_remove(L, -2);
}

static int no_password (char *buffer, int size, int writing, void *arg) {
  (void)buffer, (void)size, (void)writing, (void)arg;
  return 0;
}

/* Stack: the list at -1. False when there are no more. [-0, +0] */
static bool append_next (lua_State *L, BIO *in) {
  struct tls_box *box = tls_box_push(L, drop_cert);
  X509 *cert = box->p = PEM_read_bio_X509_AUX(in, NULL, no_password, NULL);
  if (cert != NULL) {
    push_pem(L, cert);
    lua_rawseti(L, -3, (int)lua_rawlen(L, -3) + 1);
  }
  tls_box_empty(box);
  lua_pop(L, 1);
  return cert != NULL;
}

int tls_trust_read (lua_State *L) {
  struct tls_text pem;
  pem.data = luaL_checklstring(L, 1, &pem.size);
  ERR_clear_error();
  struct tls_box *box = tls_box_push(L, drop_bio);
  BIO *in = box->p = tls_open_text(pem);
  lua_newtable(L);
  while (in != NULL && append_next(L, in))
    continue;
  if (lua_rawlen(L, -1) == 0 || !tls_only_end_of_pem())
    return tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                             "not a certificate in PEM");
  tls_box_empty(box);
  return 1;
}

int tls_trust_paths (lua_State *L) {
  lua_pushstring(L, variable(X509_get_default_cert_file_env(),
                             X509_get_default_cert_file()));
  lua_pushstring(L, variable(X509_get_default_cert_dir_env(),
                             X509_get_default_cert_dir()));
  return 2;
}

void tls_trust_open (lua_State *L) {
  luaL_newmetatable(L, STORE_T);
  lua_pushcfunction(L, store_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
