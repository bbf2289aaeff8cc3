/*
** read: records become plaintext, until the peer sends no more.
*/
#include "read.h"

#include "engine_state.h"
#include "failure.h"
#include "handshake_peer.h"

/* More than the records that tls_engine_write() may leave waiting: beyond it
** only answers to the peer (key updates, say) can grow the out queue, so we
** stop reading until it has taken them. */
#define MAX_UNSENT (256 * 1024)

/* Nothing more to read until the transport brings something. */
static bool transport_ended (const struct tls_engine *e) {
  return e->records.eof && tls_records_unread(&e->records) == 0;
}

static void end_input (struct tls_engine *e, bool truncated) {
  e->ended = true;
  e->truncated = truncated;
  e->events |= TLS_EV_EOF;
  e->renegotiate_due = false;
}

/* SSL_read returned nothing: is it for now, for good, or an error? */
static void read_stopped (struct tls_engine *e, int r) {
  switch (SSL_get_error(e->ssl, r)) {
    case SSL_ERROR_WANT_READ:
      if (!e->records.withheld && transport_ended(e))
        end_input(e, true);
      return;
    case SSL_ERROR_WANT_RETRY_VERIFY: /* in a renegotiation */ return;
    case SSL_ERROR_ZERO_RETURN: end_input(e, false); return;
    default: tls_engine_fail_ssl(e);
  }
}

/* Would SSL_read() only say so? With SSL_MODE_RELEASE_BUFFERS it makes a buffer
** for that and frees it again: half of what a short record costs. An end has
** to be looked at; a handshake may go on without bytes of the peer's, and one
** that was asked for within a record begins behind it. */
static bool nothing_to_read (const struct tls_engine *e) {
  return tls_records_unread(&e->records) == 0 && !e->records.eof &&
         !SSL_has_pending(e->ssl) && !SSL_in_init(e->ssl) &&
         !SSL_renegotiate_pending(e->ssl);
}

static bool may_read (const struct tls_engine *e) {
  return tls_gate_open(e) && !e->ended && !tls_failed(e) &&
         tls_byte_queue_size(&e->records.out) < MAX_UNSENT &&
         !tls_suspended(e) && !nothing_to_read(e);
}

/* One call of SSL_read_ex(3), which drives a handshake as well. False when
** there is nothing more for now. No data from behind a handshake comes before
** that one was judged, see tls_records_one_at_a_time(). */
static bool read_once (struct tls_engine *e, char *to, size_t room, size_t *n) {
  *n = 0;
  if (!tls_engine_enter(e))
    return false;
  tls_records_allow_one(&e->records);
  int r = SSL_read_ex(e->ssl, to, room, n);
  tls_engine_leave(e);
  if (*n > room || (*n > 0 && e->next_peer != NULL && e->next_peer->finished)) {
    *n = 0;
    tls_engine_fail_contract(e);
    return false;
  }
  if (r != 1)
    read_stopped(e, r);
  if (e->next_peer != NULL)
    tls_handshake_end(e);
  return r == 1 || e->records.withheld;
}

size_t tls_read_plain (struct tls_engine *e, char *plain, size_t room) {
  size_t got = 0, n;
  bool more = true;
  /* In a handshake the owner may be asked for a key: what has come before is
  ** handed over first. */
  while (more && got < room && may_read(e) &&
         (got == 0 || e->next_peer == NULL)) {
    more = read_once(e, plain + got, room - got, &n);
    got += n;
  }
  return got;
}
