/*
** sessions: the sessions of a connection, see sessions.h.
*/
#include "sessions.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "client_hello_fields.h"
#include "engine_state.h"
#include "ocsp_check.h"
#include "psk.h"
#include "raw_keys.h"
#include "session_context.h"

/* === which ones may be resumed ========================================= */

/* The host name that the ClientHello asks for, which OpenSSL is reading. False
** when there is none. */
static bool requested_name (SSL *ssl, struct tls_piece *name) {
  struct tls_piece body;
  return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &body.data,
                                   &body.size) &&
         tls_read_host_name(body, name);
}

/* Up to TLS 1.2 a session belongs to the name it was made under. */
static bool same_name (SSL *ssl, const SSL_SESSION *session) {
  struct tls_piece requested;
  const char *ours = SSL_SESSION_get0_hostname(session);
  bool named = requested_name(ssl, &requested);
  if (SSL_version(ssl) >= TLS1_3_VERSION)
    return true;
  if (ours == NULL || !named)
    return ours == NULL && !named;
  return strlen(ours) == requested.size &&
         memcmp(ours, requested.data, requested.size) == 0;
}

/* In TLS 1.3 each resumption makes new sessions, each with a lifetime of its
** own. All of them must end when the first one would have (RFC 8446, 4.6.1),
** so they hand its deadline on, in seconds since 1970, as the ticket's data.
** 0 when there is none yet, -1 when it cannot be read. */
static int64_t deadline_of (SSL_SESSION *session) {
  int64_t deadline = 0;
  void *kept;
  size_t n;
  if (!SSL_SESSION_get0_ticket_appdata(session, &kept, &n))
    return -1;
  if (n == sizeof deadline)
    memcpy(&deadline, kept, n);
  return deadline;
}

static bool is_expired (SSL_SESSION *session) {
  int64_t deadline = deadline_of(session);
  return deadline != 0 && deadline <= (int64_t)time(NULL);
}

static bool keep_deadline (SSL_SESSION *session) {
  int64_t deadline = deadline_of(session), now = (int64_t)time(NULL);
  if (deadline > 0) {
    /* for OpenSSL's cache, which does not ask is_expired(); 0 is refused */
    SSL_SESSION_set_timeout(session,
                            deadline > now ? (long)(deadline - now) : 1);
    return true;
  }
  deadline = now + SSL_SESSION_get_timeout(session);
  return SSL_SESSION_set1_ticket_appdata(session, &deadline, sizeof deadline);
}

static bool may_resume (const struct tls_engine *e, SSL_SESSION *session) {
  return same_name(e->ssl, session) &&
         tls_session_context_matches(e, session) && !is_expired(session);
}

/* A ticket was decrypted. */
SSL_TICKET_RETURN
tls_on_ticket_decrypted(SSL *ssl, SSL_SESSION *session,
                        const unsigned char *key, size_t key_size,
                        SSL_TICKET_STATUS status, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  (void)key, (void)key_size, (void)arg;
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  if (e == NULL || !may_resume(e, session))
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE
                                      : SSL_TICKET_RETURN_USE_RENEW;
}

/* A pre-shared key authenticates a client in the handshake in which it is
** named, and not in later ones. */
static bool is_psk_session (const struct tls_engine *e,
                            const SSL_SESSION *session) {
  bool named = e->next_peer != NULL && e->next_peer->psk_mark != 0;
  return (SSL_get_verify_mode(e->ssl) & SSL_VERIFY_PEER) != 0 &&
         SSL_SESSION_get0_peer((SSL_SESSION *)session) == NULL &&
         (named || tls_psk_made_session(session));
}

/* Where certificates are asked for, a session without one must not stand for
** one: it gets a session id context that matches no server's. */
static bool forbid_psk_resumption (const struct tls_engine *e,
                                   SSL_SESSION *session) {
  static const unsigned char nowhere[] = "psk";
  return !is_psk_session(e, session) ||
         SSL_SESSION_set1_id_context(session, nowhere, sizeof nowhere);
}

/* 0 ends the connection. */
int tls_on_ticket_made (SSL *ssl, void *arg) {
  struct tls_engine *e = tls_engine_of(ssl);
  SSL_SESSION *session = SSL_get_session(ssl);
  (void)arg;
  return e != NULL && session != NULL && forbid_psk_resumption(e, session) &&
         (SSL_version(ssl) < TLS1_3_VERSION || keep_deadline(session));
}

/* === which ones the owner gets ========================================= */

/* A ticket of TLS 1.3 holds the session itself, so its server has nothing to
** store. */
static bool is_reported (SSL *ssl) {
  return !SSL_is_server(ssl) || SSL_version(ssl) < TLS1_3_VERSION ||
         (SSL_get_options(ssl) & SSL_OP_NO_TICKET) != 0;
}

/* Contexts with early data use OpenSSL's own cache, which asks none of our
** callbacks. So what they might decline leaves it at once: sessions that are
** bound to a server name, and those of pre-shared keys. The cache is that of
** the engine's own context, whatever context the server name has chosen. */
static void remove_from_cache (const struct tls_engine *e,
                               SSL_SESSION *session) {
  SSL_CTX *ctx = e->ctx;
  bool cached = (SSL_CTX_get_session_cache_mode(ctx) &
                 SSL_SESS_CACHE_NO_INTERNAL) != SSL_SESS_CACHE_NO_INTERNAL;
  bool unfit =
      SSL_version(e->ssl) < TLS1_3_VERSION || is_psk_session(e, session);
  if (cached && e->server && unfit)
    SSL_CTX_remove_session(ctx, session);
}

static bool has_room (const struct tls_engine *e) {
  return e->session_count < TLS_MAX_SESSIONS;
}

/* Takes over the caller's reference; there must be room. */
static void report (struct tls_engine *e, SSL_SESSION *session) {
  e->sessions[e->session_count++] = session;
  e->events |= TLS_EV_SESSION;
}

int tls_on_new_session (SSL *ssl, SSL_SESSION *session) {
  struct tls_engine *e = tls_engine_of(ssl);
  if (e == NULL)
    return 0;
  remove_from_cache(e, session);
  if (!e->want_sessions || !is_reported(ssl) || !has_room(e) ||
      (e->server && !forbid_psk_resumption(e, session)))
    return 0;
  report(e, session);
  return 1;
}

/* The owner has found the session when it answered the ClientHello. */
SSL_SESSION *tls_on_get_session (SSL *ssl, const unsigned char *id, int size,
                                 int *copy) {
  struct tls_engine *e = tls_engine_of(ssl);
  unsigned found;
  *copy = 1; /* OpenSSL takes its own reference */
  if (e == NULL || e->offered == NULL || !may_resume(e, e->offered))
    return NULL;
  const unsigned char *ours = SSL_SESSION_get_id(e->offered, &found);
  if ((int)found != size || memcmp(ours, id, found) != 0)
    return NULL;
  return e->offered;
}

/* The last of several is OpenSSL's current one: no need to keep it. */
static void note_taken (struct tls_engine *e, SSL_SESSION *session) {
  SSL_SESSION_free(e->taken); /* NULL is allowed */
  bool newer = e->session_count > 0 && SSL_SESSION_up_ref(session);
  e->taken = newer ? session : NULL;
}

SSL_SESSION *tls_engine_take_session (struct tls_engine *e) {
  if (e->session_count == 0)
    return NULL;
  SSL_SESSION *oldest = e->sessions[0];
  e->session_count--;
  memmove(e->sessions, e->sessions + 1,
          e->session_count * sizeof e->sessions[0]);
  note_taken(e, oldest);
  return oldest;
}

SSL_SESSION *tls_engine_session (const struct tls_engine *e) {
  return e->taken != NULL ? e->taken : SSL_get0_session(e->ssl);
}

/* === clients =========================================================== */

/* A client that refuses unauthorized servers does not resume a session
** without a certificate: a pre-shared key has authenticated the server there,
** and has to do so again. Nor one with a raw key that is not trusted now, or
** with a certificate where raw keys alone are. Nor one that
** was made under weaker terms of OCSP. A full handshake follows. */
bool tls_engine_set_session (struct tls_engine *e, SSL_SESSION *session) {
  if (!SSL_in_before(e->ssl))
    return false;
  if (e->reject_unauthorized && !tls_raw_keys_fit_session(e->ssl, session))
    return true;
  if (!tls_ocsp_session_suffices(e, session))
    return true;
  if (SSL_set_session(e->ssl, session) != 1 || !SSL_SESSION_up_ref(session))
    return false;
  SSL_SESSION_free(e->offered);
  e->offered = session;
  return true;
}

/* Up to TLS 1.2 OpenSSL reports no new session when an old one is resumed,
** not even when the server has replaced its ticket. */
void tls_sessions_note_renewal (struct tls_engine *e) {
  SSL_SESSION *now = SSL_get0_session(e->ssl);
  if (e->server || SSL_version(e->ssl) >= TLS1_3_VERSION ||
      !SSL_session_reused(e->ssl) || now == e->offered || now == NULL ||
      !has_room(e) || !SSL_SESSION_up_ref(now))
    return;
  report(e, now);
}
