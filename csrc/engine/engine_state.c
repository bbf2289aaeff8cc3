/*
** engine_state: the engine's fields, see engine_state.h.
*/
#include "engine_state.h"

#include <stddef.h>
#include <stdlib.h>

/* By its BIO: ex_data would cost each connection a list of its own. */
struct tls_engine *tls_engine_of (const SSL *ssl) {
  BIO *bio = SSL_get_rbio(ssl);
  char *records = bio == NULL ? NULL : BIO_get_data(bio);
  return records == NULL
             ? NULL
             : (void *)(records - offsetof(struct tls_engine, records));
}

/* What only the first handshake needs. */
void tls_engine_forget_handshake (struct tls_engine *e) {
  free(e->alpn);
  e->alpn = NULL;
  free(e->npn);
  e->npn = NULL;
  tls_client_hello_free(e->client_hello);
  e->client_hello = NULL;
  free(e->session_context);
  e->session_context = NULL;
  free(e->psk_identity);
  e->psk_identity = NULL;
  SSL_SESSION_free(e->offered); /* NULL is allowed */
  e->offered = NULL;
  free(e->ocsp);
  e->ocsp = NULL;
  if (e->early_data != NULL)
    OPENSSL_cleanse(e->early_data, e->early_data_size);
  free(e->early_data);
  e->early_data = NULL;
}
