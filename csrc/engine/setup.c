/*
** setup: makes an engine from its options, and frees it. See engine.h.
*/
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alpn.h"
#include "ech_client.h"
#include "engine_state.h"
#include "handshake_peer.h"
#include "psk.h"
#include "raw_keys.h"
#include "session_context.h"

/* === early data ======================================================== */

/* Only what the session allows is sent, and with a session that is offered.
** Early data that is not sent counts as not accepted, which is not an error. */
static bool may_send_early_data (const struct tls_engine *e,
                                 const struct tls_engine_options *o) {
  int max = (int)SSL_get_max_proto_version(e->ssl); /* 0: none */
  return e->offered != NULL && o->early_data_size > 0 &&
         o->early_data_size <= SSL_SESSION_get_max_early_data(e->offered) &&
         (max == 0 || max >= TLS1_3_VERSION);
}

static bool set_early_data (struct tls_engine *e,
                            const struct tls_engine_options *o) {
  if (o->server && o->read_early_data)
    e->early_data_state = EARLY_DATA_READING;
  if (o->server || o->early_data == NULL || !may_send_early_data(e, o))
    return true;
  e->early_data_state = EARLY_DATA_WRITING;
  return tls_blob_set(&e->early_data, o->early_data, o->early_data_size);
}

/* === making ============================================================ */

static bool set_bio (struct tls_engine *e, const BIO_METHOD *method) {
  BIO *bio = tls_record_bio_new(method, &e->records);
  if (bio == NULL)
    return false;
  SSL_set_bio(e->ssl, bio, bio); /* takes over the one reference */
  return true;
}

static int verify_mode (const struct tls_engine_options *o) {
  if (!o->server)
    return SSL_VERIFY_PEER; /* tls_on_verify() decides */
  if (!o->request_cert)
    return SSL_VERIFY_NONE;
  if (!o->reject_unauthorized)
    return SSL_VERIFY_PEER;
  return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

/* A client's session id context is empty: with the one of its SSL_CTX it
** would only refuse sessions that it may resume. */
static bool set_client (struct tls_engine *e,
                        const struct tls_engine_options *o) {
  SSL_set_connect_state(e->ssl);
  SSL_set_post_handshake_auth(e->ssl, 1);
  return SSL_set_session_id_context(e->ssl, (const unsigned char *)"", 0) &&
         ((!o->request_ocsp && o->ocsp == TLS_OCSP_IGNORE) ||
          SSL_set_tlsext_status_type(e->ssl, TLSEXT_STATUSTYPE_ocsp)) &&
         (o->session == NULL || tls_engine_set_session(e, o->session)) &&
         (o->servername == NULL ||
          tls_engine_set_servername(e, o->servername)) &&
         tls_ech_client_set(e, o);
}

static bool set_server (struct tls_engine *e,
                        const struct tls_engine_options *o) {
  SSL_set_accept_state(e->ssl);
  return tls_session_context_set(e, o);
}

static bool set_up (struct tls_engine *e, const struct tls_engine_options *o) {
  e->ssl = SSL_new(o->ctx);
  if (e->ssl == NULL || !set_bio(e, o->method) || !tls_alpn_set(e, o) ||
      !tls_psk_set(e, o))
    return false;
  SSL_set_verify(e->ssl, verify_mode(o), NULL);
  if (o->want_keylog)
    tls_engine_want_keylog(e);
  return (o->server ? set_server(e, o) : set_client(e, o)) &&
         set_early_data(e, o) && tls_raw_keys_apply(e->ssl, o->ctx);
}

static void copy_flags (struct tls_engine *e,
                        const struct tls_engine_options *o) {
  e->server = o->server;
  e->reject_unauthorized =
      o->reject_unauthorized && (!o->server || o->request_cert);
  e->ask_client_hello = o->ask_client_hello;
  e->ask_verify = o->ask_verify;
  e->ocsp = o->server ? TLS_OCSP_IGNORE : o->ocsp;
  e->want_sessions = o->want_sessions;
}

struct tls_engine *tls_engine_new (const struct tls_engine_options *options) {
  struct tls_engine *e = calloc(1, sizeof *e);
  if (e == NULL)
    return NULL;
  tls_clear_errors();
  tls_records_init(&e->records, options->pool);
  if (!SSL_CTX_up_ref(options->ctx)) {
    free(e);
    return NULL;
  }
  e->ctx = options->ctx;
  copy_flags(e, options);
  if (tls_handshake_peer_begin(e) && set_up(e, options))
    return e;
  tls_engine_free(e);
  return NULL;
}

/* === freeing =========================================================== */

static void free_secrets (struct tls_engine *e) {
  SSL_SESSION *session;
  while ((session = tls_engine_take_session(e)) != NULL)
    SSL_SESSION_free(session);
  if (e->keylog != NULL)
    OPENSSL_clear_free(e->keylog, strlen(e->keylog));
}

void tls_engine_free (struct tls_engine *e) {
  if (e == NULL)
    return;
  assert(!e->in_openssl); /* it would return into freed memory */
  SSL_free(e->ssl);       /* and its BIO, which borrows the records */
  SSL_CTX_free(e->ctx);
  tls_peer_free(e->peer);
  tls_peer_free(e->next_peer);
  tls_engine_forget_handshake(e);
  free_secrets(e);
  tls_records_clear(&e->records);
  free(e->notes);
  free(e->error);
  free(e);
}
