/*
** status: queries of a connection's state, and of what was negotiated.
** See engine.h.
*/
#include "engine_state.h"
#include "ossl_compat.h"

struct tls_records *tls_engine_records (struct tls_engine *e) {
  return &e->records;
}

bool tls_engine_busy (const struct tls_engine *e) {
  return e->in_openssl;
}

bool tls_engine_secure (const struct tls_engine *e) {
  return e->secure;
}

bool tls_engine_handshake_due (struct tls_engine *e) {
  if (e->secure || tls_failed(e) || tls_suspended(e))
    return false;
  return tls_records_unread(&e->records) > 0 || !SSL_in_before(e->ssl);
}

/* The first record is one of a handshake (RFC 8446, 5.1), and has come as a
** whole, or OpenSSL has its beginning and the rest comes: many a ClientHello
** takes two packets. A server that waits for its client has nothing else to
** read. */
static bool has_hello (const struct tls_engine *e) {
  const struct tls_records *r = &e->records;
  const unsigned char *head = (const unsigned char *)r->first;
  if (r->first_size < 5 || head[0] != SSL3_RT_HANDSHAKE)
    return false;
  return SSL_has_pending(e->ssl) ||
         tls_records_unread(r) >= 5u + (size_t)(head[3] << 8 | head[4]);
}

/* Nobody need be asked about the ClientHello, whose rest has come. */
static bool has_rest (const struct tls_engine *e) {
  return !e->ask_client_hello && tls_records_unread(&e->records) > 0;
}

bool tls_engine_hello_unanswered (const struct tls_engine *e) {
  OSSL_HANDSHAKE_STATE state = SSL_get_state(e->ssl);
  bool asked = e->client_hello_state == CLIENT_HELLO_ANSWERED &&
               e->client_hello_alert == 0;
  return SSL_in_before(e->ssl) ||
         (asked && (state == TLS_ST_BEFORE || state == TLS_ST_SR_CLNT_HELLO));
}

/* In this state a server of TLS 1.3 waits for its client's Finished, or for
** another ClientHello: then it has sent no Finished itself. */
static bool wants_another_hello (const struct tls_engine *e) {
  unsigned char nothing;
  return SSL_get_finished(e->ssl, &nothing, 0) == 0;
}

/* What enters Lua or prints, and what verifies a client, stays. */
static bool is_alone (const struct tls_engine *e) {
  return e->psk.server == NULL && !e->want_keylog && e->trace == NULL &&
         e->notes == NULL && e->early_data_state == EARLY_DATA_NONE;
}

bool tls_engine_signs_next (struct tls_engine *e) {
  if (!e->server || !tls_engine_handshake_due(e) || !is_alone(e))
    return false;
  bool answered = e->client_hello_state == CLIENT_HELLO_ANSWERED;
  switch (SSL_get_state(e->ssl)) {
    case TLS_ST_BEFORE: return answered || (has_rest(e) && has_hello(e));
    case TLS_ST_SR_CLNT_HELLO: return answered || has_rest(e);
    case TLS_ST_EARLY_DATA:
      return wants_another_hello(e) && tls_records_unread(&e->records) > 0;
    case TLS_ST_SW_SRVR_DONE: /* TLS 1.2: the ClientKeyExchange comes */
      return SSL_get_verify_mode(e->ssl) == SSL_VERIFY_NONE &&
             tls_records_unread(&e->records) > 0;
    default: return false;
  }
}

bool tls_engine_writable (const struct tls_engine *e) {
  return tls_writable(e);
}

bool tls_engine_failed (const struct tls_engine *e) {
  return tls_failed(e);
}

bool tls_engine_ended (const struct tls_engine *e) {
  return e->input != INPUT_OPEN;
}

bool tls_engine_truncated (const struct tls_engine *e) {
  return e->input == INPUT_TRUNCATED;
}

STACK_OF(X509) * tls_engine_peer_chain(const struct tls_engine *e) {
  return SSL_get_peer_cert_chain(e->ssl);
}

X509_STORE *tls_engine_trust_store (const struct tls_engine *e) {
  return SSL_CTX_get_cert_store(SSL_get_SSL_CTX(e->ssl));
}

const SSL *tls_engine_ssl (const struct tls_engine *e) {
  return e->ssl;
}

/* The ServerHello has settled cipher and key exchange. Before it, OpenSSL
** takes them from a session that is merely offered, and crashes without one:
** SSL_get_negotiated_group(3). */
bool tls_engine_negotiated (const struct tls_engine *e) {
  return SSL_get_pending_cipher(e->ssl) != NULL &&
         SSL_get0_session(e->ssl) != NULL;
}

EVP_PKEY *tls_engine_peer_ephemeral_key (const struct tls_engine *e) {
  EVP_PKEY *key = NULL;
  return SSL_get_peer_tmp_key(e->ssl, &key) ? key : NULL;
}

const char *tls_engine_group (const struct tls_engine *e) {
  return tls_engine_negotiated(e) ? tls_ossl_group_name(e->ssl) : NULL;
}

/* A session that is resumed without a key exchange keeps the group of its
** own, and OpenSSL does not tell the two apart. Up to TLS 1.2 each group has a
** key of its own. */
const char *tls_engine_keyless_group (const struct tls_engine *e) {
  if (SSL_version(e->ssl) != TLS1_3_VERSION ||
      (SSL_session_reused(e->ssl) &&
       SSL_get_options(e->ssl) & SSL_OP_ALLOW_NO_DHE_KEX))
    return NULL;
  return tls_engine_group(e);
}

bool tls_engine_handshake_rtt (const struct tls_engine *e, uint64_t *rtt) {
  return tls_ossl_handshake_rtt(e->ssl, rtt);
}

int tls_engine_shared_sigalg (const struct tls_engine *e, int index, int *sign,
                              int *hash) {
  return SSL_get_shared_sigalgs(e->ssl, index, sign, hash, NULL, NULL, NULL);
}

bool tls_engine_export_key (const struct tls_engine *e, unsigned char *out,
                            size_t size, const char *label, size_t label_size,
                            const char *context, size_t context_size) {
  tls_clear_errors();
  return SSL_export_keying_material(e->ssl, out, size, label, label_size,
                                    (const unsigned char *)context,
                                    context_size, context != NULL) == 1;
}

/* Whether SSL_OP_NO_TLSv1_2, say, takes this version away. */
static int is_switched_off (const SSL *ssl, int version) {
  static const uint64_t off[] = {SSL_OP_NO_SSLv3, SSL_OP_NO_TLSv1,
                                 SSL_OP_NO_TLSv1_1, SSL_OP_NO_TLSv1_2,
                                 SSL_OP_NO_TLSv1_3};
  return version >= SSL3_VERSION && version <= TLS1_3_VERSION &&
         (SSL_get_options(ssl) & off[version - SSL3_VERSION]) != 0;
}

void tls_engine_version_range (const struct tls_engine *e, int *min, int *max) {
  *min = (int)SSL_get_min_proto_version(e->ssl);
  *max = (int)SSL_get_max_proto_version(e->ssl);
  while (*min < *max && is_switched_off(e->ssl, *min))
    ++*min;
  while (*max > *min && is_switched_off(e->ssl, *max))
    --*max;
}
