/*
** failure: why a connection has failed, see failure.h.
*/
#include "failure.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "authorization.h"
#include "engine_state.h"
#include "ocsp_answer.h"
#include "ossl_compat.h"
#include "verify_code.h"
#include "fatal_alert.h"

/* The error when there is no memory to write the real one down. */
static const struct tls_error no_memory = {.code = TLS_NO_MEMORY,
                                           .message = TLS_NO_MEMORY_TEXT};

/* False when there is no memory: then 'no_memory' is the error. */
static bool set_failed (struct tls_engine *e) {
  if (e->error == NULL)
    e->error = calloc(1, sizeof *e->error);
  e->events |= TLS_EV_ERROR;
  return e->error != NULL;
}

/* OpenSSL says no more than "certificate verify failed"; what is known of the
** peer says why. The entry is the last one: searching directories for
** certificates leaves entries before it. */
static bool peer_was_refused (const struct tls_engine *e) {
  unsigned long entry = ERR_peek_last_error();
  return ERR_GET_LIB(entry) == ERR_LIB_SSL &&
         ERR_GET_REASON(entry) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
         tls_peer_fault(tls_current_peer(e)) != X509_V_OK;
}

/* Methods of HTTP that OpenSSL knows since 3.2, by as many bytes as it has read
** of a record; GET, HEAD, POST and PUT it knows in every release. */
static bool begins_with_http (const struct tls_records *records) {
  static const char methods[] = "DELETPATCHOPTIOTRACE";
  size_t i;
  for (i = 0; methods[i] != '\0'; i += 5)
    if (records->first_size >= 5 && memcmp(records->first, methods + i, 5) == 0)
      return true;
  return false;
}

/* The reason is to be the same for every release of OpenSSL. */
static void correct_reason (const struct tls_engine *e) {
  if (e->secure || !begins_with_http(&e->records) ||
      ERR_GET_REASON(ERR_peek_error()) != SSL_R_WRONG_VERSION_NUMBER)
    return;
  ERR_clear_error();
  ERR_raise(ERR_LIB_SSL, SSL_R_HTTP_REQUEST);
}

#define ECH_CODE "ERR_TLS_ECH_REJECTED"
#define ECH_TEXT "the server has not accepted Encrypted Client Hello"

/* The client itself ends such a handshake. */
static bool ech_was_refused (const struct tls_engine *e) {
  unsigned long entry = ERR_peek_error();
  return e->ech_required && ERR_GET_LIB(entry) == ERR_LIB_SSL &&
         ERR_GET_REASON(entry) == TLS_R_ECH_REQUIRED;
}

void tls_engine_fail_ech (struct tls_engine *e) {
  tls_engine_fail(e, ECH_CODE, ECH_TEXT);
}

static void set_refusal (struct tls_engine *e) {
  long fault = tls_peer_fault(tls_current_peer(e));
  tls_error_set(e->error, tls_verify_code(fault),
                X509_verify_cert_error_string(fault));
}

/* The same of the stapled response. OpenSSL since 3.6 reads it itself, and
** has its own word for one that it cannot read. */
static enum tls_ocsp_fault ocsp_refusal (const struct tls_engine *e) {
  int reason = ERR_GET_REASON(ERR_peek_last_error());
  if (e->ocsp == TLS_OCSP_IGNORE || e->next_peer == NULL ||
      ERR_GET_LIB(ERR_peek_last_error()) != ERR_LIB_SSL)
    return TLS_OCSP_OK;
  if (reason == SSL_R_TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE &&
      e->alert_direction == ALERT_SENT)
    return TLS_OCSP_MALFORMED;
  return reason == SSL_R_INVALID_STATUS_RESPONSE ? e->next_peer->ocsp_fault
                                                 : TLS_OCSP_OK;
}

/* OpenSSL's words are not all there is to say. */
static void explain (struct tls_engine *e, bool no_ech, bool refused,
                     enum tls_ocsp_fault ocsp) {
  if (no_ech)
    tls_error_set(e->error, ECH_CODE, ECH_TEXT);
  if (refused)
    set_refusal(e);
  if (ocsp != TLS_OCSP_OK)
    tls_error_set(e->error, tls_ocsp_fault_code(ocsp),
                  tls_ocsp_fault_message(ocsp));
}

void tls_engine_fail_ssl (struct tls_engine *e) {
  bool refused = peer_was_refused(e);
  enum tls_ocsp_fault ocsp = ocsp_refusal(e);
  if (!set_failed(e)) {
    ERR_clear_error();
    return;
  }
  correct_reason(e);
  bool no_ech = ech_was_refused(e);
  tls_error_from_queue(e->error, "ERR_SSL_PROTOCOL_ERROR",
                       "TLS protocol error");
  if (!tls_error_is_no_memory(e->error))
    explain(e, no_ech, refused, ocsp);
  tls_fatal_alert_describe(e, e->error);
}

void tls_engine_fail (struct tls_engine *e, const char *code,
                      const char *message) {
  if (set_failed(e))
    tls_error_set(e->error, code, message);
}

void tls_engine_fail_contract (struct tls_engine *e) {
  tls_engine_fail(e, "ERR_INTERNAL_ASSERTION",
                  "OpenSSL reported more than it was given");
}

void tls_engine_fail_cut_off (struct tls_engine *e) {
  tls_engine_fail(e, "ECONNRESET",
                  e->server ? "socket hang up"
                            : "Client network socket disconnected before "
                              "secure TLS connection was established");
}

void tls_engine_fail_memory (struct tls_engine *e) {
  tls_engine_fail(e, no_memory.code, no_memory.message);
}

const char *tls_engine_first_bytes (const struct tls_engine *e, size_t *n) {
  *n = e->records.first_size;
  return e->records.first;
}

const unsigned char *tls_engine_refused_alpn (const struct tls_engine *e,
                                              size_t *n) {
  *n = e->refused_alpn.size;
  return e->refused_alpn.data;
}

const struct tls_error *tls_engine_error (const struct tls_engine *e) {
  return e->error == NULL ? &no_memory : e->error;
}
