/*
** step: runs a connection until the records at hand are used up, or 'room' is
** full. See tls_engine_step() in engine.h.
*/
#include "engine_state.h"
#include "handshake.h"
#include "read.h"
#include "write.h"

static size_t run (struct tls_engine *e, char *plain, size_t room) {
  size_t got = 0;
  if (e->early_data_state == EARLY_DATA_READING && room > 0)
    got = tls_handshake_read_early_data(e, plain, room);
  if (!e->secure && got == 0 && e->early_data_state != EARLY_DATA_READING &&
      !tls_failed(e))
    tls_handshake_run(e);
  if (room > 0 && tls_gate_open(e))
    got = tls_read_plaintext(e, plain, room);
  if (e->close_notify == CLOSE_NOTIFY_DUE)
    tls_write_close_notify(e);
  return got;
}

unsigned tls_engine_step (struct tls_engine *e, char *plain, size_t room,
                          size_t *got) {
  *got = 0;
  if (e->in_openssl)
    return 0;
  e->write_wants_read = false;
  if (!tls_failed(e))
    *got = run(e, plain, room);
  unsigned events = e->events;
  e->events = 0;
  return events;
}
