/*
** failure: why a connection is dead.
*/
#include "failure.h"

#include <stdlib.h>

#include <openssl/x509.h>

#include "engine_state.h"

/* Fallback for the one error that may find no memory for its record. */
static const struct tls_error no_memory = {
    .code = "ERR_MEMORY_ALLOCATION_FAILED", .message = "out of memory"};

static void set_failed (struct tls_engine *e) {
  if (e->error == NULL)
    e->error = calloc(1, sizeof *e->error);
  e->events |= TLS_EV_ERROR;
}

/* OpenSSL says only "certificate verify failed"; the record says why. */
static bool peer_was_refused (const struct tls_engine *e) {
  unsigned long entry =
      ERR_peek_last_error(); /* looking for files fails first */
  return ERR_GET_LIB(entry) == ERR_LIB_SSL &&
         ERR_GET_REASON(entry) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
         tls_peer_fault(tls_current_peer(e)) != X509_V_OK;
}

void tls_engine_fail_ssl (struct tls_engine *e) {
  bool refused = peer_was_refused(e);
  set_failed(e);
  if (e->error == NULL) {
    ERR_clear_error();
    return;
  }
  tls_error_from_queue(e->error, "ERR_SSL_PROTOCOL_ERROR",
                       "TLS protocol error");
  if (!refused)
    return;
  long fault = tls_peer_fault(tls_current_peer(e));
  tls_error_set(e->error, tls_verify_code(fault),
                X509_verify_cert_error_string(fault));
}

void tls_engine_fail (struct tls_engine *e, const char *code,
                      const char *message) {
  set_failed(e);
  if (e->error != NULL)
    tls_error_set(e->error, code, message);
}

/* OpenSSL has done what its manual rules out: nothing of it is believed. */
void tls_engine_fail_contract (struct tls_engine *e) {
  tls_engine_fail(e, "ERR_INTERNAL_ASSERTION",
                  "OpenSSL reported more than it was given");
}

void tls_engine_fail_cut_off (struct tls_engine *e) {
  set_failed(e);
  if (e->error != NULL)
    tls_error_set(e->error, "ECONNRESET",
                  e->server ? "socket hang up"
                            : "Client network socket disconnected before "
                              "secure TLS connection was established");
}

void tls_engine_fail_memory (struct tls_engine *e) {
  tls_engine_fail(e, no_memory.code, no_memory.message);
}

const struct tls_error *tls_engine_error (const struct tls_engine *e) {
  return e->error == NULL ? &no_memory : e->error;
}
