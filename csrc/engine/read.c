/*
** read: records become plaintext, see read.h.
*/
#include "read.h"

#include "engine_state.h"
#include "failure.h"
#include "handshake_peer.h"

/* Reading pauses while this much waits to be sent. It is more than
** tls_engine_write() leaves: only answers to the peer, such as key updates,
** can reach it, and the peer has to take those first. */
#define MAX_UNSENT (256 * 1024)

static void end_input (struct tls_engine *e, enum input_state input) {
  e->input = input;
  e->events |= TLS_EV_EOF;
  if (e->requested == REQUESTED_RENEGOTIATION)
    e->requested = REQUESTED_NONE;
}

/* SSL_read_ex() has returned no data: there is none yet, the peer has ended,
** or it is an error. */
static void read_stopped (struct tls_engine *e, int r) {
  switch (SSL_get_error(e->ssl, r)) {
    case SSL_ERROR_WANT_READ:
      if (!e->records.withheld && tls_records_ended(&e->records))
        end_input(e, INPUT_TRUNCATED);
      return;
    case SSL_ERROR_WANT_RETRY_VERIFY: /* in a renegotiation */ return;
    case SSL_ERROR_ZERO_RETURN: end_input(e, INPUT_CLOSED); return;
    default: tls_engine_fail_ssl(e);
  }
}

/* Would SSL_read_ex() only say WANT_READ? With SSL_MODE_RELEASE_BUFFERS it
** makes a buffer for that and frees it again: half of what a short record
** costs. It is called without new records at the end of the transport, within
** a handshake, and when a renegotiation was put off until the end of a
** record. */
static bool nothing_to_read (const struct tls_engine *e) {
  return tls_records_unread(&e->records) == 0 && !e->records.eof &&
         !SSL_has_pending(e->ssl) && !SSL_in_init(e->ssl) &&
         !SSL_renegotiate_pending(e->ssl);
}

static bool may_read (const struct tls_engine *e) {
  return tls_gate_open(e) && e->input == INPUT_OPEN && !tls_failed(e) &&
         tls_byte_queue_size(&e->records.out) < MAX_UNSENT &&
         !tls_suspended(e) && !nothing_to_read(e);
}

/* One call of SSL_read_ex(3), which runs a handshake as well. False when
** there is nothing more for now. Data after a handshake must not come before
** its peer was accepted: tls_records_one_at_a_time() sees to that, and data
** that comes nevertheless is dropped. */
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
    tls_handshake_peer_end(e);
  return r == 1 || e->records.withheld;
}

/* Stops when a handshake begins and there is data: the handshake may ask the
** owner for a key, who has to have the data first. */
size_t tls_read_plaintext (struct tls_engine *e, char *plain, size_t room) {
  size_t got = 0, n;
  bool more = true;
  while (more && got < room && may_read(e) &&
         (got == 0 || e->next_peer == NULL)) {
    more = read_once(e, plain + got, room - got, &n);
    got += n;
  }
  return got;
}
