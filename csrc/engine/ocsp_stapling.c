/*
** ocsp_stapling: the stapled OCSP response, see ocsp_stapling.h.
*/
#include "ocsp_stapling.h"

#include "engine_state.h"
#include "ossl_compat.h"

/* A certificate that was compressed beforehand has no response in it: this
** connection sends it as it is. OpenSSL takes over the copy and frees it. */
static int staple (SSL *ssl, const struct tls_blob *response) {
  unsigned char *copy = response->data == NULL
                            ? NULL
                            : OPENSSL_memdup(response->data, response->size);
  if (copy == NULL)
    return SSL_TLSEXT_ERR_NOACK;
  SSL_set_options(ssl, TLS_OP_NO_COMPRESSED_OWN);
  if (SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)response->size))
    return SSL_TLSEXT_ERR_OK;
  OPENSSL_free(copy);
  return SSL_TLSEXT_ERR_NOACK;
}

/* A client's 1 goes on with the handshake, with a response or without. */
int tls_on_ocsp_status (SSL *ssl, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL)
    return SSL_TLSEXT_ERR_NOACK;
  if (e->server)
    return staple(ssl, &e->ocsp_response);
  e->events |= TLS_EV_OCSP;
  return 1;
}

const unsigned char *tls_engine_ocsp_response (const struct tls_engine *e,
                                               size_t *n) {
  const unsigned char *data = NULL;
  long size = SSL_get_tlsext_status_ocsp_resp(e->ssl, &data);
  *n = size > 0 ? (size_t)size : 0;
  return size > 0 ? data : NULL;
}
