/*
** step: one turn of a connection: handshake, reading, the end. See engine.h.
*/
#include "engine_state.h"
#include "handshake.h"
#include "read.h"
#include "write.h"

unsigned tls_engine_step (struct tls_engine *e, char *plain, size_t room,
                          size_t *got) {
  *got = 0;
  if (e->depth > 0)
    return 0;
  e->write_wants_read = false;
  if (!tls_failed(e)) {
    if (e->early_data_state == EARLY_READING && room > 0)
      *got = tls_read_early(e, plain, room);
    if (!e->secure && *got == 0 && e->early_data_state != EARLY_READING &&
        !tls_failed(e))
      tls_do_handshake(e);
    if (room > 0 && tls_gate_open(e))
      *got = tls_read_plain(e, plain, room);
    if (e->close_notify_due)
      tls_send_close_notify(e);
  }
  unsigned events = e->events;
  e->events = 0;
  return events;
}
