/*
** handshake: the first handshake, see handshake.h.
*/
#include "handshake.h"

#include "ech_client.h"
#include "engine_state.h"
#include "failure.h"
#include "handshake_peer.h"
#include "sessions.h"

/* The handshake has not finished: it waits, or it has failed. */
static void handshake_stopped (struct tls_engine *e, int r) {
  switch (SSL_get_error(e->ssl, r)) {
    case SSL_ERROR_WANT_READ:
      if (tls_records_ended(&e->records))
        tls_engine_fail_cut_off(e);
      return;
    case SSL_ERROR_ZERO_RETURN: tls_engine_fail_cut_off(e); return;
    case SSL_ERROR_WANT_RETRY_VERIFY:    /* TLS_EV_VERIFY is set */
    case SSL_ERROR_WANT_CLIENT_HELLO_CB: /* TLS_EV_CLIENT_HELLO is set */
      return;
    default: tls_engine_fail_ssl(e);
  }
}

/* SSL_write_early_data(3) sends the ClientHello with it. */
static bool send_early_data (struct tls_engine *e) {
  size_t written;
  if (!tls_engine_enter(e))
    return false;
  int r = SSL_write_early_data(e->ssl, e->early_data.data, e->early_data.size,
                               &written);
  tls_engine_leave(e);
  if (r == 1)
    e->early_data_state = EARLY_DATA_NONE;
  else
    handshake_stopped(e, r);
  return r == 1;
}

void tls_handshake_run (struct tls_engine *e) {
  if (tls_suspended(e) ||
      (e->early_data_state == EARLY_DATA_WRITING && !send_early_data(e)) ||
      !tls_engine_enter(e))
    return;
  int r = SSL_do_handshake(e->ssl);
  tls_engine_leave(e);
  if (r != 1) {
    handshake_stopped(e, r);
    return;
  }
  if (!tls_ech_client_satisfied(e)) {
    tls_engine_fail_ech(e);
    return;
  }
  tls_sessions_note_renewal(e);
  e->next_peer->finished = true;
  tls_handshake_peer_end(e);
}

/* One call of SSL_read_early_data(3), which adds to '*got'. False when there
** is no more for now, or no more at all. */
static bool read_once (struct tls_engine *e, char *to, size_t room,
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
    e->early_data_state = EARLY_DATA_NONE;
  if (r == SSL_READ_EARLY_DATA_ERROR)
    handshake_stopped(e, -1);
  return r == SSL_READ_EARLY_DATA_SUCCESS;
}

size_t tls_handshake_read_early_data (struct tls_engine *e, char *plain,
                                      size_t room) {
  size_t got = 0;
  while (got < room && !tls_suspended(e) &&
         read_once(e, plain + got, room - got, &got))
    continue;
  if (got > 0)
    e->events |= TLS_EV_EARLY_DATA;
  return got;
}
