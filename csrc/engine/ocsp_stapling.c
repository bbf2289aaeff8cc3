/*
** ocsp_stapling: the stapled OCSP response, see ocsp_stapling.h.
*/
#include "ocsp_stapling.h"

#include <time.h>

#include "engine_state.h"
#include "ex_data.h"
#include "ocsp_check.h"
#include "ocsp_staples.h"
#include "ossl_compat.h"
#include "threads.h"

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

bool tls_staple_set (SSL_CTX *ctx, X509 *cert, const unsigned char *der,
                     size_t size, int64_t until) {
  struct tls_context_data *data = tls_ex_data_make_context(ctx);
  if (data == NULL)
    return false;
  tls_threads_stop();
  bool put = tls_staples_put(&data->staples, cert, der, size, until);
  tls_threads_go_on();
  return put;
}

/* What the context has for the certificate that OpenSSL has chosen. A process
** may have slept, and its timers with it: so the time is looked at. */
static const struct tls_blob *response_of_context (SSL *ssl) {
  static const struct tls_blob none = {NULL, 0};
  struct tls_context_data *data = tls_ex_data_context(SSL_get_SSL_CTX(ssl));
  const X509 *cert = SSL_get_certificate(ssl);
  if (data == NULL || data->staples == NULL || cert == NULL)
    return &none;
  const struct tls_staple *found = tls_staples_find(data->staples, cert);
  bool usable = found != NULL && found->until > (int64_t)time(NULL);
  return usable ? &found->response : &none;
}

/* A client's 1 goes on with the handshake, 0 ends it with the alert
** bad_certificate_status_response. */
int tls_on_ocsp_status (SSL *ssl, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL)
    return SSL_TLSEXT_ERR_NOACK;
  if (e->server)
    return staple(ssl, e->ocsp_answered ? &e->ocsp_response
                                        : response_of_context(ssl));
  e->events |= TLS_EV_OCSP;
  return tls_ocsp_check(e);
}
