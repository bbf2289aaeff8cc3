/*
** ocsp_stapling: the OCSP response that a server staples to its certificate
** (RFC 6066, 8).
*/
#include "ocsp_stapling.h"

#include "engine_state.h"

/* Server: the response is copied, since OpenSSL frees it. Client: it has come,
** or has not. */
int tls_on_ocsp_status (SSL *ssl, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL)
    return SSL_TLSEXT_ERR_NOACK;
  if (!e->server) {
    e->events |= TLS_EV_OCSP;
    return 1;
  }
  unsigned char *copy =
      e->ocsp == NULL ? NULL : OPENSSL_memdup(e->ocsp, e->ocsp_size);
  if (copy == NULL)
    return SSL_TLSEXT_ERR_NOACK;
  if (!SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)e->ocsp_size)) {
    OPENSSL_free(copy);
    return SSL_TLSEXT_ERR_NOACK;
  }
  return SSL_TLSEXT_ERR_OK;
}

const unsigned char *tls_engine_ocsp_response (const struct tls_engine *e,
                                               size_t *n) {
  const unsigned char *data = NULL;
  long size = SSL_get_tlsext_status_ocsp_resp(e->ssl, &data);
  *n = size > 0 ? (size_t)size : 0;
  return size > 0 ? data : NULL;
}
