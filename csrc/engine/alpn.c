/*
** alpn: the application's protocol is agreed on, by ALPN (RFC 7301) or by NPN,
** which came before it.
*/
#include "alpn.h"

#include <stdlib.h>
#include <string.h>

#include "engine_state.h"

/* RFC 7301, 3.2: the server's order wins, and without overlap the handshake
** ends with no_application_protocol. A server that was given no protocols
** ignores the extension. SSL_select_next_proto(3) reads both lists; neither is
** empty (CVE-2024-5535). */
int tls_on_alpn (SSL *ssl, const unsigned char **out, unsigned char *outlen,
                 const unsigned char *in, unsigned inlen, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  unsigned char *chosen;
  (void)arg;
  if (e == NULL || (e->alpn == NULL && !e->alpn_refused))
    return SSL_TLSEXT_ERR_NOACK;
  if (e->alpn_refused)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  if (inlen == 0 ||
      SSL_select_next_proto(&chosen, outlen, e->alpn, (unsigned)e->alpn_size,
                            in, inlen) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen; /* copied by OpenSSL before the engine forgets its list */
  return SSL_TLSEXT_ERR_OK;
}

/* NPN, up to TLS 1.2. With ALPN on, it is not offered. */
int tls_on_npn_advertise (SSL *ssl, const unsigned char **out, unsigned *size,
                          void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL || e->npn == NULL || e->alpn != NULL)
    return SSL_TLSEXT_ERR_NOACK;
  *out = e->npn;
  *size = (unsigned)e->npn_size;
  return SSL_TLSEXT_ERR_OK;
}

static int on_npn_select (SSL *ssl, unsigned char **out, unsigned char *outlen,
                          const unsigned char *in, unsigned size, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL || size == 0 || in[0] >= size)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = (unsigned char *)in + 1; /* another connection of the context asked */
  *outlen = in[0];
  if (e->npn != NULL) /* without overlap, our first one */
    SSL_select_next_proto(out, outlen, in, size, e->npn, (unsigned)e->npn_size);
  return SSL_TLSEXT_ERR_OK;
}

static unsigned char *copy (const unsigned char *data, size_t n) {
  unsigned char *to = data == NULL ? NULL : malloc(n + 1);
  if (to != NULL)
    memcpy(to, data, n);
  return to;
}

bool tls_alpn_set (struct tls_engine *e, const struct tls_engine_options *o) {
  if (o->alpn == NULL)
    return true;
  if (!o->server) /* 0 is success here, SSL_set_alpn_protos(3) */
    return SSL_set_alpn_protos(e->ssl, o->alpn, (unsigned)o->alpn_size) == 0;
  e->alpn = malloc(o->alpn_size);
  if (e->alpn == NULL)
    return false;
  memcpy(e->alpn, o->alpn, o->alpn_size);
  e->alpn_size = o->alpn_size;
  return true;
}

bool tls_npn_set (struct tls_engine *e, const struct tls_engine_options *o) {
  if (o->npn != NULL && !o->server)
    SSL_CTX_set_next_proto_select_cb(o->ctx, on_npn_select, NULL);
  e->npn = copy(o->npn, o->npn_size);
  e->npn_size = o->npn_size;
  return o->npn == NULL || e->npn != NULL;
}
