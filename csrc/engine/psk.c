/*
** psk: pre-shared keys, see psk.h.
**
** In TLS 1.3 a key looks like a session that is resumed, and a client may
** offer several of both (RFC 8446, 4.2.11). So it proves nothing that our
** callback was asked: another offer may have been chosen. The session that is
** made of the key carries a mark that only the tls_peer of this handshake
** knows.
*/
#include "psk.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "engine_state.h"
#include "ex_data.h"
#include "ossl_compat.h"
#include "session_tickets.h"

/* Unique in the process, on every thread; never 0. */
static uintptr_t new_mark (void) {
  static atomic_uintptr_t last;
  uintptr_t mark = atomic_fetch_add(&last, 1) + 1;
  return mark == 0 ? new_mark() : mark;
}

/* Our callback has named a key in the handshake that is under way. */
static bool mark_handshake (struct tls_engine *e) {
  if (e->next_peer == NULL)
    return false;
  e->next_peer->psk_mark = new_mark();
  return true;
}

#define IDENTITY_ROOM (PSK_MAX_IDENTITY_LEN + 1) /* and a NUL */

/* TLS_AES_128_GCM_SHA256: a key of TLS 1.3 belongs to one hash, which is
** SHA-256 unless it is said otherwise (RFC 8446, 4.2.11). */
static const unsigned char sha256_suite[] = {0x13, 0x01};

/* A session of TLS 1.3 made of a key. The caller's; NULL when there is no
** memory. */
static SSL_SESSION *new_psk_session (SSL *ssl, const unsigned char *key,
                                     size_t n, uintptr_t mark) {
  const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, sha256_suite);
  SSL_SESSION *session = SSL_SESSION_new();
  if (session != NULL && cipher != NULL &&
      SSL_SESSION_set1_master_key(session, key, n) &&
      SSL_SESSION_set_cipher(session, cipher) &&
      SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) &&
      tls_ex_data_set_session_mark(session, mark))
    return session;
  SSL_SESSION_free(session);
  return NULL;
}

/* SSL_set_psk_find_session_callback(3): server of TLS 1.3. 0 ends the
** handshake; 1 without a session goes on with the client's next identity, or
** with a certificate. Tickets come here, too: they are not the names of
** keys. */
static int on_find_session (SSL *ssl, const unsigned char *identity, size_t n,
                            SSL_SESSION **session) {
  struct tls_engine *e = tls_engine_of(ssl);
  unsigned char key[PSK_MAX_PSK_LEN];
  *session = NULL;
  if (n > PSK_MAX_IDENTITY_LEN || tls_ticket_keys_match(e->ctx, identity, n))
    return 1;
  unsigned size =
      e->psk.server(e->psk.arg, (const char *)identity, n, key, sizeof key);
  if (size > 0 && size <= sizeof key && mark_handshake(e))
    *session = new_psk_session(ssl, key, size, e->next_peer->psk_mark);
  OPENSSL_cleanse(key, sizeof key);
  return size == 0 || *session != NULL;
}

/* SSL_set_psk_server_callback(3): server up to TLS 1.2. OpenSSL calls it in
** TLS 1.3 as well, after on_find_session(). */
static unsigned on_server (SSL *ssl, const char *identity, unsigned char *key,
                           unsigned room) {
  struct tls_engine *e = tls_engine_of(ssl);
  if (SSL_version(ssl) >= TLS1_3_VERSION)
    return 0;
  unsigned size =
      e->psk.server(e->psk.arg, identity, strlen(identity), key, room);
  return size <= room && mark_handshake(e) ? size : 0;
}

/* SSL_set_psk_use_session_callback(3): client of TLS 1.3. After a
** HelloRetryRequest 'md' is the hash that the server has chosen. */
static int on_use_session (SSL *ssl, const EVP_MD *md, const unsigned char **id,
                           size_t *id_size, SSL_SESSION **session) {
  struct tls_engine *e = tls_engine_of(ssl);
  unsigned char key[PSK_MAX_PSK_LEN];
  *session = NULL;
  if (e->psk_identity == NULL || (md != NULL && !EVP_MD_is_a(md, "SHA256")))
    return 1;
  unsigned size = e->psk.client(e->psk.arg, NULL, e->psk_identity,
                                IDENTITY_ROOM, key, sizeof key);
  if (size > 0 && size <= sizeof key && mark_handshake(e))
    *session = new_psk_session(ssl, key, size, e->next_peer->psk_mark);
  OPENSSL_cleanse(key, sizeof key);
  *id = (const unsigned char *)e->psk_identity;
  *id_size = strlen(e->psk_identity);
  return size == 0 || *session != NULL;
}

/* SSL_set_psk_client_callback(3): client up to TLS 1.2. OpenSSL calls it for
** the ClientHello as well, after on_use_session(). The longest identity fills
** OpenSSL's room, and the NUL behind it is OpenSSL's own. */
static unsigned on_client (SSL *ssl, const char *hint, char *identity,
                           unsigned identity_room, unsigned char *key,
                           unsigned room) {
  struct tls_engine *e = tls_engine_of(ssl);
  char given[IDENTITY_ROOM];
  if (SSL_get_state(ssl) == TLS_ST_CW_CLNT_HELLO)
    return 0;
  unsigned size =
      e->psk.client(e->psk.arg, hint, given, sizeof given, key, room);
  size_t n = size == 0 ? 0 : strlen(given);
  if (size == 0 || size > room || n > identity_room || !mark_handshake(e))
    return 0;
  memcpy(identity, given, n < identity_room ? n + 1 : n);
  return size;
}

static bool set_client (struct tls_engine *e) {
  e->psk_identity = calloc(1, IDENTITY_ROOM);
  SSL_set_psk_use_session_callback(e->ssl, on_use_session);
  TLS_SET_PSK_CLIENT(e->ssl, on_client);
  return e->psk_identity != NULL;
}

bool tls_psk_set (struct tls_engine *e, const struct tls_engine_options *o) {
  e->psk = o->psk;
  if (o->psk.server == NULL && o->psk.client == NULL && o->psk_hint == NULL)
    return true;
  if (o->psk.server != NULL) {
    SSL_set_psk_find_session_callback(e->ssl, on_find_session);
    TLS_SET_PSK_SERVER(e->ssl, on_server);
  }
  if (o->psk.client != NULL && !set_client(e))
    return false;
  return o->psk_hint == NULL || TLS_SET_PSK_HINT(e->ssl, o->psk_hint);
}

bool tls_psk_made_session (const SSL_SESSION *session) {
  return tls_ex_data_session_mark(session) != 0;
}

/* Does the suite (up to TLS 1.2) prove that the peer knows the key? RSA_PSK
** proves it of the client; its server shows a certificate. */
static bool suite_needs_psk (const struct tls_engine *e,
                             const SSL_CIPHER *cipher) {
  return SSL_CIPHER_get_auth_nid(cipher) == NID_auth_psk ||
         (e->server && SSL_CIPHER_get_kx_nid(cipher) == NID_kx_rsa_psk);
}

bool tls_psk_authenticated (const struct tls_engine *e,
                            const struct tls_peer *peer) {
  const SSL_CIPHER *cipher = SSL_get_current_cipher(e->ssl);
  SSL_SESSION *session = SSL_get_session(e->ssl);
  if (peer->psk_mark == 0 || cipher == NULL || session == NULL)
    return false;
  if (SSL_version(e->ssl) < TLS1_3_VERSION)
    return !SSL_session_reused(e->ssl) && suite_needs_psk(e, cipher);
  return SSL_session_reused(e->ssl) &&
         tls_ex_data_session_mark(session) == peer->psk_mark;
}
