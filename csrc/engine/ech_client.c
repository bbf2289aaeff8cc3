/*
** ech_client: a client that hides its ClientHello, see ech_client.h,
** SSL_set1_ech_config_list(3) and SSL_ech_get1_status(3).
*/
#include "ech_client.h"

#include <string.h>

#include "engine_state.h"
#include "ossl_compat.h"

#if TLS_CAN_ECH

/* The hidden ClientHello must not offer less than TLS 1.3 (RFC 9849, 6.1), and
** servers refuse one that does; OpenSSL 4.0 offers there what it offers. */
static bool set_config (struct tls_engine *e,
                        const struct tls_engine_options *o) {
  return SSL_set_min_proto_version(e->ssl, TLS1_3_VERSION) == 1 &&
         SSL_set1_ech_config_list(e->ssl, o->ech_config, o->ech_config_size) ==
             1 &&
         (o->ech_outer_name == NULL ||
          SSL_ech_set1_outer_server_name(e->ssl, o->ech_outer_name, 0) == 1);
}

bool tls_ech_client_set (struct tls_engine *e,
                         const struct tls_engine_options *o) {
  if (o->ech_grease)
    SSL_set_options(e->ssl, SSL_OP_ECH_GREASE);
  if (o->ech_config == NULL)
    return true;
  e->ech_required = true;
  return set_config(e, o);
}

/* BAD_NAME is OpenSSL's word for an accepted one whose peer does not verify,
** which is not the question here. What a server cannot decrypt it takes for
** grease. */
static enum tls_ech_status status_of (int status, bool server) {
  switch (status) {
    case SSL_ECH_STATUS_SUCCESS:
    case SSL_ECH_STATUS_BAD_NAME: return TLS_ECH_ACCEPTED;
    case SSL_ECH_STATUS_GREASE:
    case SSL_ECH_STATUS_GREASE_ECH:
      return server ? TLS_ECH_REJECTED : TLS_ECH_GREASE;
    case SSL_ECH_STATUS_BACKEND: return TLS_ECH_BACKEND;
    case SSL_ECH_STATUS_FAILED:
    case SSL_ECH_STATUS_FAILED_ECH:
    case SSL_ECH_STATUS_FAILED_ECH_BAD_NAME: return TLS_ECH_REJECTED;
    default: return TLS_ECH_NONE;
  }
}

/* A server knows it as soon as it has the ClientHello, a client when it has
** the ServerHello. */
static bool is_settled (const struct tls_engine *e) {
  return tls_engine_negotiated(e) || (e->server && e->client_hello != NULL);
}

/* OpenSSL raises an error for each status that is no success. */
void tls_engine_ech (const struct tls_engine *e, struct tls_ech *ech) {
  memset(ech, 0, sizeof *ech);
  if (!is_settled(e))
    return;
  ERR_set_mark();
  ech->status =
      status_of(SSL_ech_get1_status(e->ssl, &ech->inner_name, &ech->outer_name),
                e->server);
  if (!e->server &&
      (ech->status == TLS_ECH_REJECTED || ech->status == TLS_ECH_GREASE))
    SSL_ech_get1_retry_config(e->ssl, &ech->retry, &ech->retry_size);
  ERR_pop_to_mark();
}

#else

bool tls_ech_client_set (struct tls_engine *e,
                         const struct tls_engine_options *o) {
  (void)e;
  return o->ech_config == NULL && !o->ech_grease;
}

void tls_engine_ech (const struct tls_engine *e, struct tls_ech *ech) {
  (void)e;
  memset(ech, 0, sizeof *ech);
}

#endif

bool tls_ech_client_satisfied (const struct tls_engine *e) {
  struct tls_ech ech;
  if (!e->ech_required)
    return true;
  tls_engine_ech(e, &ech);
  bool accepted = ech.status == TLS_ECH_ACCEPTED;
  tls_ech_clear(&ech);
  return accepted;
}
