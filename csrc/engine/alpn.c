/*
** alpn: the application's protocol, see alpn.h.
*/
#include "alpn.h"

#include "engine_state.h"
#include "ossl_compat.h"

/* The server's order counts, and without a common protocol the handshake ends
** with no_application_protocol (RFC 7301, 3.2). A server that was given no
** protocols ignores the extension. Neither list that SSL_select_next_proto(3)
** gets is empty (CVE-2024-5535). */
int tls_on_alpn_select (SSL *ssl, const unsigned char **out,
                        unsigned char *out_size, const unsigned char *in,
                        unsigned in_size, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  unsigned char *chosen;
  (void)arg;
  if (e == NULL || (e->alpn.data == NULL && !e->alpn_refused))
    return SSL_TLSEXT_ERR_NOACK;
  if (e->alpn_refused || in_size == 0 ||
      SSL_select_next_proto(&chosen, out_size, e->alpn.data,
                            (unsigned)e->alpn.size, in,
                            in_size) != OPENSSL_NPN_NEGOTIATED) {
    tls_blob_set(&e->refused_alpn, in, in_size); /* only to say so */
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen; /* copied by OpenSSL before the engine frees its list */
  return SSL_TLSEXT_ERR_OK;
}

/* A server with ALPN does not offer NPN. */
int tls_on_npn_advertise (SSL *ssl, const unsigned char **out, unsigned *size,
                          void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL || e->npn.data == NULL || e->alpn.data != NULL)
    return SSL_TLSEXT_ERR_NOACK;
  *out = e->npn.data;
  *size = (unsigned)e->npn.size;
  return SSL_TLSEXT_ERR_OK;
}

/* SSL_CTX_set_next_proto_select_cb(3): client. 'in' is the server's list.
** Once installed, OpenSSL asks for every connection of the context: one that
** has no protocols of its own takes the server's first. */
static int on_npn_select (SSL *ssl, unsigned char **out,
                          unsigned char *out_size, const unsigned char *in,
                          unsigned in_size, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)arg;
  if (e == NULL || in_size == 0 || in[0] >= in_size)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = (unsigned char *)in + 1;
  *out_size = in[0];
  if (e->npn.data != NULL) /* without a common protocol: our first */
    SSL_select_next_proto(out, out_size, in, in_size, e->npn.data,
                          (unsigned)e->npn.size);
  return SSL_TLSEXT_ERR_OK;
}

static bool set_alpn (struct tls_engine *e,
                      const struct tls_engine_options *o) {
  if (o->alpn == NULL)
    return true;
  if (o->server)
    return tls_blob_set(&e->alpn, o->alpn, o->alpn_size);
  /* 0 is success: SSL_set_alpn_protos(3) */
  return SSL_set_alpn_protos(e->ssl, o->alpn, (unsigned)o->alpn_size) == 0;
}

bool tls_alpn_set (struct tls_engine *e, const struct tls_engine_options *o) {
  if (o->npn != NULL && !o->server)
    TLS_SET_NPN_SELECT(o->ctx, on_npn_select);
  return set_alpn(e, o) && tls_blob_set(&e->npn, o->npn, o->npn_size);
}
