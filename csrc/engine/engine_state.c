/*
** engine_state: the engine's fields, see engine_state.h.
*/
#include "engine_state.h"

#include <stddef.h>
#include <stdlib.h>

/* By the address of its BIO's data. ex_data would cost each connection a list
** of its own. */
struct tls_engine *tls_engine_of (const SSL *ssl) {
  BIO *bio = SSL_get_rbio(ssl);
  char *records = bio == NULL ? NULL : BIO_get_data(bio);
  return records == NULL
             ? NULL
             : (void *)(records - offsetof(struct tls_engine, records));
}

void tls_engine_forget_handshake (struct tls_engine *e) {
  tls_blob_clear(&e->alpn);
  tls_blob_clear(&e->npn);
  tls_blob_clear(&e->ocsp_response);
  tls_blob_clear(&e->early_data);
  tls_blob_clear(&e->refused_alpn);
  tls_client_hello_free(e->client_hello); /* NULL is allowed, here and below */
  e->client_hello = NULL;
  if (e->server)
    free(e->session_context);
  else
    X509_free(e->issuer); /* NULL is allowed */
  e->session_context = NULL;
  free(e->psk_identity);
  e->psk_identity = NULL;
  SSL_SESSION_free(e->offered);
  e->offered = NULL;
}
