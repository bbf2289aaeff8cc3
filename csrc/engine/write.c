/*
** write: plaintext becomes records, see engine.h and write.h.
*/
#include "write.h"

#include <openssl/err.h>

#include "engine_state.h"
#include "failure.h"
#include "handshake_peer.h"

/* SSL_write_ex() has taken nothing: a renegotiation needs the peer's bytes or
** an answer of the owner's, or it is an error. */
static void write_stopped (struct tls_engine *e, int r) {
  int why = SSL_get_error(e->ssl, r);
  e->write_wants_read =
      why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_RETRY_VERIFY;
  if (!e->write_wants_read)
    tls_engine_fail_ssl(e);
  tls_handshake_peer_end(e);
}

/* One call of SSL_write_ex(3). Returns how much it took. */
static size_t write_once (struct tls_engine *e, const char *data, size_t n) {
  size_t taken = 0;
  if (!tls_engine_enter(e))
    return 0;
  int r = SSL_write_ex(e->ssl, data, n, &taken);
  tls_engine_leave(e);
  if (r != 1) {
    write_stopped(e, r);
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
         tls_byte_queue_size(&e->records.out) < limit) {
    taken = write_once(e, data + done, n - done);
    done += taken;
  }
  return done;
}

/* SSL_shutdown(3) must not be called in the middle of a handshake. */
static bool may_close (const struct tls_engine *e) {
  return tls_gate_open(e) && e->next_peer == NULL &&
         e->requested != REQUESTED_RENEGOTIATION && !SSL_in_init(e->ssl);
}

/* After it nothing is sent, so a server of TLS 1.3 sends no tickets either
** when a client's late certificate arrives. When SSL_shutdown() has failed,
** SSL_read() does, too: there was no memory for the alert. */
void tls_write_close_notify (struct tls_engine *e) {
  if (e->close_notify != CLOSE_NOTIFY_DUE || !may_close(e) ||
      !tls_engine_enter(e))
    return;
  if (e->server)
    SSL_set_num_tickets(e->ssl, 0);
  e->close_notify = CLOSE_NOTIFY_SENT;
  int r = SSL_shutdown(e->ssl);
  bool failed = r < 0 && SSL_get_error(e->ssl, r) == SSL_ERROR_SSL;
  tls_engine_leave(e);
  if (failed)
    tls_engine_fail_ssl(e);
  else
    ERR_clear_error();
}

void tls_engine_shutdown (struct tls_engine *e) {
  if (e->close_notify == CLOSE_NOTIFY_SENT || !e->secure || tls_failed(e))
    return;
  e->close_notify = CLOSE_NOTIFY_DUE;
  tls_write_close_notify(e);
}

bool tls_engine_shutting_down (const struct tls_engine *e) {
  return e->close_notify == CLOSE_NOTIFY_DUE && !tls_failed(e) &&
         e->input == INPUT_OPEN;
}
