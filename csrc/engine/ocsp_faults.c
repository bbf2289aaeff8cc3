/*
** ocsp_faults: the words for what is wrong with a response of OCSP, see
** ocsp_answer.h.
*/
#include "ocsp_answer.h"

static const struct {
  const char *code, *message;
} faults[TLS_OCSP_FAULTS] = {
    [TLS_OCSP_OK] = {"OK", "ok"},
    [TLS_OCSP_MISSING] = {"ERR_OCSP_MISSING",
                          "the server has stapled no OCSP response"},
    [TLS_OCSP_MUST_STAPLE] =
        {"ERR_OCSP_MISSING",
         "the server has stapled no OCSP response, and its certificate says "
         "that it must (RFC 7633)"},
    [TLS_OCSP_TOO_LARGE] = {"ERR_OCSP_TOO_LARGE",
                            "the OCSP response has more than 65535 bytes"},
    [TLS_OCSP_MALFORMED] = {"ERR_OCSP_MALFORMED",
                            "the OCSP response is malformed"},
    [TLS_OCSP_CRITICAL] = {"ERR_OCSP_MALFORMED",
                           "the OCSP response has a critical extension that "
                           "is not known here"},
    [TLS_OCSP_NOT_SUCCESSFUL] = {"ERR_OCSP_NOT_SUCCESSFUL",
                                 "the OCSP responder has not answered"},
    [TLS_OCSP_RESPONDER] = {"ERR_OCSP_RESPONDER",
                            "the OCSP response is signed by somebody who may "
                            "not speak for the certificate's issuer"},
    [TLS_OCSP_SIGNATURE] = {"ERR_OCSP_SIGNATURE",
                            "the signature of the OCSP response is wrong"},
    [TLS_OCSP_WEAK] = {"ERR_OCSP_WEAK_SIGNATURE",
                       "the OCSP response is signed over a hash that is too "
                       "weak"},
    [TLS_OCSP_OTHER_SERIAL] = {"ERR_OCSP_OTHER_CERTIFICATE",
                               "the OCSP response is about another "
                               "certificate"},
    [TLS_OCSP_OTHER_ISSUER] = {"ERR_OCSP_OTHER_CERTIFICATE",
                               "the OCSP response is about a certificate of "
                               "another issuer"},
    [TLS_OCSP_NO_ISSUER] = {"ERR_OCSP_NO_ISSUER",
                            "the OCSP response cannot be verified: the "
                            "certificate of the issuer is not known"},
    [TLS_OCSP_NOT_YET_VALID] = {"ERR_OCSP_NOT_YET_VALID",
                                "the OCSP response is of a time to come"},
    [TLS_OCSP_EXPIRED] = {"ERR_OCSP_EXPIRED", "the OCSP response is too old"},
    [TLS_OCSP_REVOKED] = {"ERR_OCSP_REVOKED",
                          "the certificate is revoked, the OCSP response "
                          "says"},
    [TLS_OCSP_UNKNOWN] = {"ERR_OCSP_UNKNOWN",
                          "the certificate is not known to the OCSP "
                          "responder"},
    [TLS_OCSP_MEMORY] = {"ERR_MEMORY_ALLOCATION_FAILED", "out of memory"},
};

const char *tls_ocsp_fault_code (enum tls_ocsp_fault fault) {
  return faults[fault].code;
}

const char *tls_ocsp_fault_message (enum tls_ocsp_fault fault) {
  return faults[fault].message;
}
