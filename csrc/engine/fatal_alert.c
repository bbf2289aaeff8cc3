/*
** fatal_alert: the alert that has ended a connection, see fatal_alert.h.
*/
#include "fatal_alert.h"

#include "engine_state.h"

/* Does the alert end the connection? OpenSSL ends it for a no_renegotiation
 *that
 ** it receives, which is a warning. For a received alert that ends it in spite
 ** of its level, as all do in TLS 1.3, the reason of the error says so. */
static bool is_fatal (int where, int value) {
  int level = value >> 8, number = value & 0xff;
  if (number == SSL_AD_CLOSE_NOTIFY)
    return false;
  return level == SSL3_AL_FATAL ||
         (where == SSL_CB_READ_ALERT && number == SSL_AD_NO_RENEGOTIATION);
}

/* Of several the first counts: what is sent after an alert of the peer's is
** only the answer to it. */
void tls_fatal_alert_note (struct tls_engine *e, int where, int value) {
  if (e->alert_direction != ALERT_NONE || !is_fatal(where, value))
    return;
  e->alert = (unsigned char)(value & 0xff);
  e->alert_direction = where == SSL_CB_READ_ALERT ? ALERT_RECEIVED : ALERT_SENT;
}

void tls_fatal_alert_describe (const struct tls_engine *e,
                               struct tls_error *error) {
  if (e->alert_direction != ALERT_NONE && *error->alert == '\0')
    tls_error_set_alert(error, e->alert, e->alert_direction == ALERT_SENT);
}
