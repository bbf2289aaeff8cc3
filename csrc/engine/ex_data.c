/*
** ex_data: what the engine attaches to OpenSSL's objects, see ex_data.h.
*/
#include "ex_data.h"

#include <stdlib.h>

#include "ocsp_staples.h"

static int context_index = -1; /* of an SSL_CTX's ex_data */
static int session_index = -1; /* of an SSL_SESSION's */
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void free_raw_keys (struct tls_raw_keys *keys) {
  size_t i;
  if (keys == NULL)
    return;
  for (i = 0; i < keys->count; i++)
    EVP_PKEY_free(keys->trusted[i]);
  free(keys->trusted);
  free(keys);
}

static void free_context_data (struct tls_context_data *data) {
  if (data == NULL)
    return;
  tls_blob_clear(&data->ticket_keys);
  tls_staples_free(data->staples);
  free_raw_keys(data->raw_keys);
  OPENSSL_free(data);
}

/* CRYPTO_EX_free: the SSL_CTX is freed. */
static void on_free (void *parent, void *data, CRYPTO_EX_DATA *ad, int index,
                     long argl, void *argp) {
  (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
  free_context_data(data);
}

static void make_indexes (void) {
  context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_free);
  session_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static bool have_indexes (void) {
  return CRYPTO_THREAD_run_once(&once, make_indexes) && context_index >= 0 &&
         session_index >= 0;
}

struct tls_context_data *tls_ex_data_context (const SSL_CTX *ctx) {
  return context_index < 0 ? NULL : SSL_CTX_get_ex_data(ctx, context_index);
}

struct tls_context_data *tls_ex_data_make_context (SSL_CTX *ctx) {
  if (!have_indexes())
    return NULL;
  struct tls_context_data *data = tls_ex_data_context(ctx);
  if (data != NULL)
    return data;
  data = OPENSSL_zalloc(sizeof *data);
  if (data != NULL && SSL_CTX_set_ex_data(ctx, context_index, data))
    return data;
  free_context_data(data);
  return NULL;
}

uintptr_t tls_ex_data_session_mark (const SSL_SESSION *session) {
  if (session_index < 0)
    return 0;
  return (uintptr_t)SSL_SESSION_get_ex_data(session, session_index);
}

bool tls_ex_data_set_session_mark (SSL_SESSION *session, uintptr_t mark) {
  return have_indexes() &&
         SSL_SESSION_set_ex_data(session, session_index, (void *)mark);
}
