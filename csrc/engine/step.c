/*
** engine_drive: the calls of OpenSSL's that move a connection on: handshake,
** reading, writing, the end. See engine.h.
*/
#include <openssl/err.h>

#include "engine_state.h"

/* More than the records that tls_engine_write() may leave waiting: beyond it
** only answers to the peer (key updates, say) can grow the out queue, so we
** stop reading until it has taken them. */
#define MAX_UNSENT (256 * 1024)

/* === the handshake ===================================================== */

/* Nothing more to read until the transport brings something. */
static bool cut_off (const struct tls_engine *e) {
  return e->port.eof && tls_port_unread(&e->port) == 0;
}

/* The handshake did not finish: does it wait, or has it failed? */
static void stopped_shaking (struct tls_engine *e, int r) {
  switch (SSL_get_error(e->ssl, r)) {
    case SSL_ERROR_WANT_READ:
      if (cut_off(e))
        tls_engine_fail_cut_off(e);
      return;
    case SSL_ERROR_WANT_RETRY_VERIFY: /* TLS_EV_IDENTITY is set */
    case SSL_ERROR_WANT_CLIENT_HELLO_CB: /* TLS_EV_HELLO is set */ return;
    default: tls_engine_fail_ssl(e);
  }
}

/* SSL_write_early_data(3) sends the ClientHello with it. */
static bool send_early (struct tls_engine *e) {
  size_t written;
  if (!tls_engine_enter(e))
    return false;
  int r = SSL_write_early_data(e->ssl, e->early_data, e->early_size, &written);
  tls_engine_leave(e);
  if (r == 1)
    e->early = EARLY_NONE;
  else
    stopped_shaking(e, r);
  return r == 1;
}

static void shake_hands (struct tls_engine *e) {
  if (tls_suspended(e) || (e->early == EARLY_WRITING && !send_early(e)) ||
      !tls_engine_enter(e))
    return;
  int r = SSL_do_handshake(e->ssl);
  tls_engine_leave(e);
  if (r != 1) {
    stopped_shaking(e, r);
    return;
  }
  tls_sessions_note_renewal(e);
  e->next->finished = true;
  tls_engine_end_peer(e);
}

/* One call of SSL_read_early_data(3). False when there is no more for now, or
** at all: the handshake goes on then. */
static bool read_early_once (struct tls_engine *e, char *to, size_t room,
                             size_t *got) {
  size_t n = 0;
  if (!tls_engine_enter(e))
    return false;
  int r = SSL_read_early_data(e->ssl, to, room, &n);
  tls_engine_leave(e);
  if (n > room) {
    tls_engine_fail_contract(e);
    return false;
  }
  if (r == SSL_READ_EARLY_DATA_SUCCESS)
    *got += n;
  if (r == SSL_READ_EARLY_DATA_FINISH)
    e->early = EARLY_NONE;
  if (r == SSL_READ_EARLY_DATA_ERROR)
    stopped_shaking(e, -1);
  return r == SSL_READ_EARLY_DATA_SUCCESS;
}

/* What a client sends before the handshake is done; then the handshake. */
static size_t read_early (struct tls_engine *e, char *plain, size_t room) {
  size_t got = 0;
  while (got < room && !tls_suspended(e) &&
         read_early_once(e, plain + got, room - got, &got))
    continue;
  if (got > 0)
    e->events |= TLS_EV_EARLY;
  return got;
}

/* === reading =========================================================== */

static void end_of_data (struct tls_engine *e, bool truncated) {
  e->ended = true;
  e->truncated = truncated;
  e->events |= TLS_EV_EOF;
  e->renegotiate_due = false;
}

/* SSL_read returned nothing: is it for now, for good, or an error? */
static void stopped_reading (struct tls_engine *e, int r) {
  switch (SSL_get_error(e->ssl, r)) {
    case SSL_ERROR_WANT_READ:
      if (!e->port.withheld && cut_off(e))
        end_of_data(e, true);
      return;
    case SSL_ERROR_WANT_RETRY_VERIFY: /* in a renegotiation */ return;
    case SSL_ERROR_ZERO_RETURN: end_of_data(e, false); return;
    default: tls_engine_fail_ssl(e);
  }
}

/* Would SSL_read() only say so? With SSL_MODE_RELEASE_BUFFERS it makes a buffer
** for that and frees it again: half of what a short record costs. An end has
** to be looked at; a handshake may go on without bytes of the peer's, and one
** that was asked for within a record begins behind it. */
static bool nothing_to_read (const struct tls_engine *e) {
  return tls_port_unread(&e->port) == 0 && !e->port.eof &&
         !SSL_has_pending(e->ssl) && !SSL_in_init(e->ssl) &&
         !SSL_renegotiate_pending(e->ssl);
}

static bool may_read (const struct tls_engine *e) {
  return tls_gate_open(e) && !e->ended && !tls_failed(e) &&
         tls_bytes_size(&e->port.out) < MAX_UNSENT && !tls_suspended(e) &&
         !nothing_to_read(e);
}

/* One call of SSL_read_ex(3), which drives a handshake as well. False when
** there is nothing more for now. No data from behind a handshake comes before
** that one was judged, see tls_port_by_record(). */
static bool read_once (struct tls_engine *e, char *to, size_t room, size_t *n) {
  *n = 0;
  if (!tls_engine_enter(e))
    return false;
  tls_port_allow_record(&e->port);
  int r = SSL_read_ex(e->ssl, to, room, n);
  tls_engine_leave(e);
  if (*n > room || (*n > 0 && e->next != NULL && e->next->finished)) {
    *n = 0;
    tls_engine_fail_contract(e);
    return false;
  }
  if (r != 1)
    stopped_reading(e, r);
  if (e->next != NULL)
    tls_engine_end_peer(e);
  return r == 1 || e->port.withheld;
}

static size_t read_plain (struct tls_engine *e, char *plain, size_t room) {
  size_t got = 0, n;
  bool more = true;
  /* In a handshake the owner may be asked for a key: what has come before is
  ** handed over first. */
  while (more && got < room && may_read(e) && (got == 0 || e->next == NULL)) {
    more = read_once(e, plain + got, room - got, &n);
    got += n;
  }
  return got;
}

/* Not in the middle of a handshake, SSL_shutdown(3), nor before one that is
** about to begin. Behind it nothing is sent: no tickets either, which a server
** of TLS 1.3 would add to a client's late certificate. */
static void send_close_notify (struct tls_engine *e) {
  if (!e->close_notify_due || !tls_gate_open(e) || e->next != NULL ||
      e->renegotiate_due || SSL_in_init(e->ssl) || !tls_engine_enter(e))
    return;
  if (e->server)
    SSL_set_num_tickets(e->ssl, 0);
  e->close_notify_due = false;
  e->close_notify_sent = true;
  if (SSL_shutdown(e->ssl) < 0)
    ERR_clear_error(); /* the FIN that follows ends it all the same */
  tls_engine_leave(e);
}

unsigned tls_engine_step (struct tls_engine *e, char *plain, size_t room,
                          size_t *got) {
  *got = 0;
  if (e->depth > 0)
    return 0;
  e->stalled = false;
  if (!tls_failed(e)) {
    if (e->early == EARLY_READING && room > 0)
      *got = read_early(e, plain, room);
    if (!e->secure && *got == 0 && e->early != EARLY_READING && !tls_failed(e))
      shake_hands(e);
    if (room > 0 && tls_gate_open(e))
      *got = read_plain(e, plain, room);
    if (e->close_notify_due)
      send_close_notify(e);
  }
  unsigned events = e->events;
  e->events = 0;
  return events;
}

/* === writing =========================================================== */

static void stopped_writing (struct tls_engine *e, int r) {
  int why = SSL_get_error(e->ssl, r);
  e->stalled = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_RETRY_VERIFY;
  if (!e->stalled)
    tls_engine_fail_ssl(e);
  tls_engine_end_peer(e);
}

/* One call of SSL_write_ex(3): how much it took. */
static size_t write_once (struct tls_engine *e, const char *data, size_t n) {
  size_t taken = 0;
  if (!tls_engine_enter(e))
    return 0;
  int r = SSL_write_ex(e->ssl, data, n, &taken);
  tls_engine_leave(e);
  if (r != 1) {
    stopped_writing(e, r);
    return 0;
  }
  if (taken <= n)
    return taken;
  tls_engine_fail_contract(e);
  return 0;
}

size_t tls_engine_write (struct tls_engine *e, const char *data, size_t n,
                         size_t limit) {
  size_t done = 0, taken = 1;
  while (taken > 0 && done < n && tls_writable(e) &&
         tls_bytes_size(&e->port.out) < limit) {
    taken = write_once(e, data + done, n - done);
    done += taken;
  }
  return done;
}

void tls_engine_shutdown (struct tls_engine *e) {
  if (e->close_notify_sent || !e->secure || tls_failed(e))
    return;
  e->close_notify_due = true;
  send_close_notify(e);
}

bool tls_engine_shutting_down (const struct tls_engine *e) {
  return e->close_notify_due && !tls_failed(e) && !e->ended;
}
