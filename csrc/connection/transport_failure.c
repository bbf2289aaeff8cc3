/*
** transport_failure: the end of what carries a connection's records, see
** transport_failure.h.
*/
#include "transport_failure.h"

void tls_connection_stop_reading (struct tls_connection *c) {
  if (c->reading && c->handle != NULL)
    c->lua->uv.uv_read_stop(c->handle);
  c->reading = false;
}

static void fail (struct tls_connection *c, int status,
                  enum tls_transport_failure how) {
  if (c->transport_failure != TLS_FAILURE_NONE)
    return;
  c->io_error = status;
  c->transport_failure = how;
  c->drive_again = true;
}

void tls_connection_fail_read (struct tls_connection *c, int status) {
  fail(c, status, TLS_FAILURE_READ);
  tls_connection_stop_reading(c);
}

/* A write fails when the peer has reset the connection. The alert that says
** why may still be waiting to be read, so reading goes on until it ends. */
void tls_connection_fail_write (struct tls_connection *c, int status) {
  fail(c, status, TLS_FAILURE_WRITE);
  if (c->handle == NULL || c->lua->uv.uv_is_closing(c->handle))
    tls_connection_stop_reading(c); /* nothing more will come */
}
