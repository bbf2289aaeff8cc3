/*
** engine_state: the engine's fields, see engine_state.h.
*/
#include "engine_state.h"

#include <stddef.h>
#include <stdlib.h>

/* By its BIO: ex_data would cost each connection a list of its own. */
struct tls_engine *tls_engine_of (const SSL *ssl) {
  BIO *bio = SSL_get_rbio(ssl);
  char *port = bio == NULL ? NULL : BIO_get_data(bio);
  return port == NULL ? NULL
                      : (void *)(port - offsetof(struct tls_engine, port));
}

/* What only the first handshake needs. */
void tls_engine_forget_handshake (struct tls_engine *e) {
  free(e->alpn);
  e->alpn = NULL;
  free(e->npn);
  e->npn = NULL;
  tls_hello_free(e->hello);
  e->hello = NULL;
  free(e->session_terms);
  e->session_terms = NULL;
  free(e->psk_identity);
  e->psk_identity = NULL;
  SSL_SESSION_free(e->offered); /* NULL is allowed */
  e->offered = NULL;
  free(e->ocsp);
  e->ocsp = NULL;
  if (e->early_data != NULL)
    OPENSSL_cleanse(e->early_data, e->early_size);
  free(e->early_data);
  e->early_data = NULL;
}
