/*
** settings: what may be changed on an engine after it was made. See engine.h.
*/
#include "engine_state.h"

/* While OpenSSL runs it may be looking at the old certificate. */
bool tls_engine_set_key_cert (struct tls_engine *e, X509 *cert, EVP_PKEY *key,
                              STACK_OF(X509) * chain) {
  if (e->in_openssl)
    return false;
  tls_clear_errors();
  return cert != NULL && key != NULL &&
         SSL_use_cert_and_key(e->ssl, cert, key, chain, 1) == 1;
}

bool tls_engine_set_servername (struct tls_engine *e, const char *name) {
  return SSL_in_before(e->ssl) && SSL_set_tlsext_host_name(e->ssl, name) == 1;
}

bool tls_engine_set_max_send_fragment (struct tls_engine *e, long size) {
  return SSL_set_max_send_fragment(e->ssl, size) == 1;
}

void tls_engine_want_sessions (struct tls_engine *e, bool wanted) {
  e->want_sessions = wanted;
}
