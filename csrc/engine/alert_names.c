/*
** alert_names: see alert_names.h.
*/
#include "alert_names.h"

#include <stddef.h>

/* Without close_notify, the end of a direction: it ends no connection. The
** reasons are those of OpenSSL 3.2 to 3.6, and of the current Node. */
const struct tls_alert tls_alerts[] = {
    {10, "unexpected_message", "ssl/tls alert unexpected message"},
    {20, "bad_record_mac", "ssl/tls alert bad record mac"},
    {21, "decryption_failed", "tlsv1 alert decryption failed"},
    {22, "record_overflow", "tlsv1 alert record overflow"},
    {30, "decompression_failure", "ssl/tls alert decompression failure"},
    {40, "handshake_failure", "ssl/tls alert handshake failure"},
    {41, "no_certificate", "ssl/tls alert no certificate"},
    {42, "bad_certificate", "ssl/tls alert bad certificate"},
    {43, "unsupported_certificate", "ssl/tls alert unsupported certificate"},
    {44, "certificate_revoked", "ssl/tls alert certificate revoked"},
    {45, "certificate_expired", "ssl/tls alert certificate expired"},
    {46, "certificate_unknown", "ssl/tls alert certificate unknown"},
    {47, "illegal_parameter", "ssl/tls alert illegal parameter"},
    {48, "unknown_ca", "tlsv1 alert unknown ca"},
    {49, "access_denied", "tlsv1 alert access denied"},
    {50, "decode_error", "tlsv1 alert decode error"},
    {51, "decrypt_error", "tlsv1 alert decrypt error"},
    {52, "too_many_cids_requested", "tlsv13 alert too many cids requested"},
    {60, "export_restriction", "tlsv1 alert export restriction"},
    {70, "protocol_version", "tlsv1 alert protocol version"},
    {71, "insufficient_security", "tlsv1 alert insufficient security"},
    {80, "internal_error", "tlsv1 alert internal error"},
    {86, "inappropriate_fallback", "tlsv1 alert inappropriate fallback"},
    {90, "user_canceled", "tlsv1 alert user cancelled"},
    {100, "no_renegotiation", "tlsv1 alert no renegotiation"},
    {109, "missing_extension", "tlsv13 alert missing extension"},
    {110, "unsupported_extension", "tlsv1 unsupported extension"},
    {111, "certificate_unobtainable", "tlsv1 certificate unobtainable"},
    {112, "unrecognized_name", "tlsv1 unrecognized name"},
    {113, "bad_certificate_status_response",
     "tlsv1 bad certificate status response"},
    {114, "bad_certificate_hash_value", "tlsv1 bad certificate hash value"},
    {115, "unknown_psk_identity", "tlsv1 alert unknown psk identity"},
    {116, "certificate_required", "tlsv13 alert certificate required"},
    {117, "general_error", "tlsv13 alert general error"},
    {120, "no_application_protocol", "tlsv1 alert no application protocol"},
    {121, "ech_required", "tlsv13 alert ech required"},
    {0, NULL, NULL}};

const struct tls_alert *tls_alert_find (unsigned number) {
  const struct tls_alert *alert;
  for (alert = tls_alerts; alert->name != NULL; alert++)
    if (alert->number == number)
      return alert;
  return NULL;
}
