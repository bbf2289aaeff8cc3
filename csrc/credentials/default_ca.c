/*
** default_ca: what is trusted when no 'ca' is given, see default_ca.h.
*/
#include "default_ca.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "engine/ossl_compat.h"
#include "engine/session_context.h"
#include "lua/environment.h"
#include "lua/lua_error.h"
#include "lua/table_fields.h"
#include "lua/lua_state.h"
#include "lua/owned_pointer.h"
#include "text.h"

#define STORE_T "tls.store"

static const char chosen_key = 0; /* its address is the key in the registry */

static X509_STORE *system_store; /* owned by the process; guarded by 'lock' */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const char *variable (const char *name, const char *otherwise) {
  const char *value = tls_environment_get(name);
  return value != NULL && *value != '\0' ? value : otherwise;
}

/* May another attempt succeed? Yes when there was no memory or no free
** descriptor; no when the file is missing or not readable for us. */
static bool is_transient (unsigned long entry) {
  int reason = ERR_GET_REASON(entry);
  if (!ERR_SYSTEM_ERROR(entry))
    return reason == ERR_R_MALLOC_FAILURE;
  return reason == EMFILE || reason == ENFILE || reason == ENOMEM ||
         reason == EINTR || reason == EAGAIN;
}

/* Empty OpenSSL's error queue and return its first transient failure, or 0. */
static unsigned long take_transient (void) {
  unsigned long entry, found = 0;
  while ((entry = ERR_get_error()) != 0)
    if (found == 0 && is_transient(entry))
      found = entry;
  return found;
}

/* X509_STORE_set_default_paths(3), but what went wrong stays in the queue. */
static bool add_default_paths (X509_STORE *store) {
  X509_LOOKUP *file = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  X509_LOOKUP *folder = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
  X509_LOOKUP *uri = X509_STORE_add_lookup(store, X509_LOOKUP_store());
  if (file == NULL || folder == NULL || uri == NULL)
    return false;
  X509_LOOKUP_load_file(file, NULL, X509_FILETYPE_DEFAULT);
  X509_LOOKUP_add_dir(folder, NULL, X509_FILETYPE_DEFAULT);
  X509_LOOKUP_add_store(uri, NULL);
  return true;
}

/* A file that cannot be read is worth a warning and no more, as Node's
** NODE_EXTRA_CA_CERTS. Returns a transient failure, or 0. */
static unsigned long add_extra (X509_STORE *store) {
  const char *file = variable("LUA_EXTRA_CA_CERTS", NULL);
  if (file == NULL || X509_STORE_load_file(store, file))
    return 0;
  unsigned long why = take_transient();
  if (why == 0)
    fprintf(stderr, "Warning: ignoring extra certs from '%s'\n", file);
  return why;
}

/* A file that is missing or not readable has no certificates: the store is
** without them, and is not loaded again. After a transient failure there is
** no store, and 'why' has the reason. */
static X509_STORE *load_system (unsigned long *why) {
  X509_STORE *store = X509_STORE_new();
  bool ok = store != NULL && add_default_paths(store);
  *why = take_transient();
  if (ok && *why == 0)
    *why = add_extra(store);
  if (ok && *why == 0)
    return store;
  X509_STORE_free(store); /* NULL is allowed */
  return NULL;
}

static void free_system (void) {
  X509_STORE_free(system_store);
  system_store = NULL;
}

/* Lua states on several threads share the store. The first one that needs it
** loads it, while others wait. After a failure NULL; the next one tries
** again. */
static X509_STORE *get_system (unsigned long *why) {
  pthread_mutex_lock(&lock);
  if (system_store == NULL) {
    system_store = load_system(why);
    if (system_store != NULL)
      TLS_AT_EXIT(free_system);
  }
  X509_STORE *store = system_store;
  pthread_mutex_unlock(&lock);
  return store;
}

static void throw_failure (lua_State *L, unsigned long why) {
  struct tls_error e;
  tls_error_set(&e, "ERR_CRYPTO_OPERATION_FAILED", "out of memory");
  if (ERR_SYSTEM_ERROR(why)) {
    tls_lua_state_push_errname(L, -ERR_GET_REASON(why));
    tls_error_set(&e, lua_tostring(L, -1),
                  "the system's certificates could not be read");
  }
  tls_throw(L, &e);
}

X509_STORE *tls_default_ca_system (lua_State *L) {
  unsigned long why = 0;
  ERR_clear_error();
  X509_STORE *store = get_system(&why);
  if (store == NULL)
    throw_failure(L, why);
  return store;
}

/* What setDefaultCACertificates has chosen for this Lua state. */
struct chosen_store {
  X509_STORE *store; /* owned */

  /* a digest of its certificates, see session_context.h */
  unsigned char digest[TLS_SESSION_CONTEXT_SIZE];
};

static int store_gc (lua_State *L) {
  struct chosen_store *chosen = luaL_checkudata(L, 1, STORE_T);
  X509_STORE_free(chosen->store);
  chosen->store = NULL;
  return 0;
}

/* Push one without a store, which the collector already knows. [-0, +1] */
static struct chosen_store *new_chosen_store (lua_State *L) {
  struct chosen_store *chosen = lua_newuserdatauv(L, sizeof *chosen, 0);
  memset(chosen, 0, sizeof *chosen);
  luaL_setmetatable(L, STORE_T);
  return chosen;
}

static struct chosen_store *get_chosen (lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &chosen_key);
  struct chosen_store *chosen = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return chosen;
}

X509_STORE *tls_default_ca_chosen (lua_State *L) {
  const struct chosen_store *chosen = get_chosen(L);
  return chosen == NULL ? NULL : chosen->store;
}

bool tls_default_ca_verifies (lua_State *L, SSL_CTX *ctx) {
  const struct chosen_store *chosen = get_chosen(L);
  if (chosen == NULL)
    return tls_session_context_add(ctx, "system", 6);
  return tls_session_context_add(ctx, chosen->digest, sizeof chosen->digest);
}

/* OpenSSL reads the folder of hashed names on demand, also for the copy. */
static bool copy_lookup (X509_STORE *to, const X509_STORE *from) {
  pthread_mutex_lock(&lock);
  bool is_system = from == system_store;
  pthread_mutex_unlock(&lock);
  if (!is_system)
    return true;
  X509_LOOKUP *lookup = X509_STORE_add_lookup(to, X509_LOOKUP_hash_dir());
  if (lookup == NULL)
    return false;
  X509_LOOKUP_add_dir(lookup, NULL, X509_FILETYPE_DEFAULT);
  return true;
}

static bool copy_certs (X509_STORE *to, X509_STORE *from) {
  int i;
  STACK_OF(X509_OBJECT) *objects = tls_ossl_lock_objects(from);
  bool ok = objects != NULL;
  for (i = 0; ok && i < sk_X509_OBJECT_num(objects); i++) {
    X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
    ok = cert == NULL || X509_STORE_add_cert(to, cert);
  }
  tls_ossl_release_objects(from, objects);
  return ok;
}

bool tls_default_ca_add_store (X509_STORE *to, X509_STORE *from) {
  return copy_certs(to, from) && copy_lookup(to, from);
}

X509_STORE *tls_default_ca_copy_store (X509_STORE *from) {
  X509_STORE *to = X509_STORE_new();
  if (to != NULL && tls_default_ca_add_store(to, from))
    return to;
  X509_STORE_free(to); /* NULL is allowed */
  return NULL;
}

int tls_default_ca_set (lua_State *L) {
  int i;
  luaL_checktype(L, 1, LUA_TTABLE);
  struct chosen_store *chosen = new_chosen_store(L);
  chosen->store = X509_STORE_new();
  if (chosen->store == NULL)
    return tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED", "out of memory");
  for (i = 1; i <= (int)lua_rawlen(L, 1); i++) {
    lua_rawgeti(L, 1, i);
    struct tls_text pem = tls_text_check(L, -1);
    ERR_clear_error();
    if (!tls_pem_load_anchors(chosen->store, NULL, pem) ||
        !tls_session_context_mix(chosen->digest, pem.data, pem.size))
      return tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                               "not a certificate in PEM");
    lua_pop(L, 1);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &chosen_key);
  return 0;
}

/* Push 'cert' as PEM, which ends with its armour, as Node's lists do: without
** the newline behind it. [-0, +1] */
static void push_pem (lua_State *L, X509 *cert) {
  char *text;
  struct tls_owned *owned = tls_owned_push(L, tls_free_bio);
  BIO *out = owned->p = BIO_new(BIO_s_mem());
  if (out == NULL || !PEM_write_bio_X509(out, cert))
    tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED", "out of memory");
  long n = BIO_get_mem_data(out, &text);
  while (n > 0 && text[n - 1] == '\n')
    n--;
  lua_pushlstring(L, text, (size_t)n);
  tls_owned_free(owned);
  lua_remove(L, -2);
}

/* Stack: the list at -1. False when there are no more. [-0, +0] */
static bool append_next (lua_State *L, BIO *in) {
  struct tls_owned *owned = tls_owned_push(L, tls_free_certificate);
  X509 *cert = owned->p = tls_pem_read_certificate(in);
  if (cert != NULL) {
    push_pem(L, cert);
    lua_rawseti(L, -3, (int)lua_rawlen(L, -3) + 1);
  }
  tls_owned_free(owned);
  lua_pop(L, 1);
  return cert != NULL;
}

/* Node's two errors: for text that is broken PEM, what its reader has said
** last; for text without a certificate, its own words. */
static int push_unreadable (lua_State *L) {
  struct tls_error e;
  lua_pushnil(L);
  tls_pem_only_end();
  tls_error_from_newest(&e, "ERR_CRYPTO_OPERATION_FAILED",
                        "No valid certificates found in the provided array");
  tls_push_error(L, &e);
  return 2;
}

/* -> the certificates in a text, as a sequence of PEM; at least one. Without
** any -> nil, the error */
int tls_default_ca_read (lua_State *L) {
  struct tls_text pem = tls_text_check(L, 1);
  ERR_clear_error();
  struct tls_owned *owned = tls_owned_push(L, tls_free_bio);
  BIO *in = owned->p = tls_text_open(pem);
  lua_newtable(L);
  while (in != NULL && append_next(L, in))
    continue;
  if (lua_rawlen(L, -1) == 0 || !tls_pem_only_end())
    return push_unreadable(L);
  tls_owned_free(owned);
  return 1;
}

int tls_default_ca_paths (lua_State *L) {
  lua_pushstring(L, variable(X509_get_default_cert_file_env(),
                             X509_get_default_cert_file()));
  lua_pushstring(L, variable(X509_get_default_cert_dir_env(),
                             X509_get_default_cert_dir()));
  return 2;
}

void tls_default_ca_open (lua_State *L) {
  tls_register_type(L, STORE_T, store_gc);
}
