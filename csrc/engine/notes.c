/*
** notes: messages that an owner wants to be told of who shows the steps of a
** connection, see engine.h and notes.h.
*/
#include "notes.h"

#include <stdlib.h>
#include <string.h>

#include "engine_state.h"

struct tls_notes {
  size_t count;
  struct tls_note list[TLS_MAX_NOTES];
};

#define COMPRESSED_CERTIFICATE 25 /* RFC 8879; unknown to OpenSSL 3.0 */

static bool is_noted (const struct tls_note *note) {
  if (note->is_alert)
    return true;
  switch (note->number) {
    case SSL3_MT_CLIENT_HELLO: return note->sent;
    case SSL3_MT_CERTIFICATE:
    case COMPRESSED_CERTIFICATE: return !note->sent;
    case SSL3_MT_CERTIFICATE_REQUEST:
    case SSL3_MT_KEY_UPDATE: return true;
    default: return false;
  }
}

/* An alert is its level and its description; the first byte of a handshake
** message is its type. */
void tls_notes_add (struct tls_engine *e, bool sent, int content,
                    const unsigned char *message, size_t size) {
  bool is_alert = content == SSL3_RT_ALERT;
  if ((!is_alert && content != SSL3_RT_HANDSHAKE) || size < 2 ||
      e->notes->count == TLS_MAX_NOTES)
    return;
  struct tls_note note = {is_alert, sent, message[is_alert ? 1 : 0],
                          is_alert && message[0] == SSL3_AL_FATAL};
  if (!is_noted(&note))
    return;
  e->notes->list[e->notes->count++] = note;
  e->events |= TLS_EV_NOTES;
}

struct tls_notes *tls_notes_new (void) {
  return calloc(1, sizeof(struct tls_notes));
}

bool tls_engine_take_note (struct tls_engine *e, struct tls_note *note) {
  struct tls_notes *notes = e->notes;
  if (notes == NULL || notes->count == 0)
    return false;
  *note = notes->list[0];
  notes->count--;
  memmove(notes->list, notes->list + 1, notes->count * sizeof *note);
  return true;
}
