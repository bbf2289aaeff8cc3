/*
** transport: the luv stream of a connection stops being read, and fails.
*/
#include "transport.h"

void tls_connection_stop_reading (struct tls_connection *c) {
  if (c->reading && c->stream != NULL)
    c->lua->uv.uv_read_stop(c->stream);
  c->reading = false;
}

/* When a write fails, the peer has reset the connection; why, its alert may
** say, which is still to be read: reading goes on until it ends. The failure is
** told in another round, behind what has been received. */
void tls_connection_transport_failed (struct tls_connection *c, int status,
                                      bool writing) {
  if (c->io_error == 0) {
    c->io_error = status;
    c->write_failed = writing;
    c->drive_again = true;
  }
  if (!writing || c->stream == NULL || c->lua->uv.uv_is_closing(c->stream))
    tls_connection_stop_reading(c); /* nothing will come any more */
}
