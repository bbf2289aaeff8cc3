/*
** ocsp_answer: is a response of OCSP (RFC 6960) an answer about a certificate
** that one may believe, and what does it say? Plain C over OpenSSL; nothing is
** believed that was not verified, and what is odd is refused.
*/
#ifndef tls_engine_ocsp_answer_h
#define tls_engine_ocsp_answer_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

/* Clocks may differ by so much; as of openssl s_client. In seconds. */
#define TLS_OCSP_SKEW 300

/* So long a response counts that does not say when the next one comes. */
#define TLS_OCSP_UNDATED (24 * 3600)

/* What TLS 1.3 can carry (RFC 8446, 4.4.2). Real ones have about 2,000. */
#define TLS_OCSP_MAX_SIZE 65535

/* Why a response is refused, or its lack. A byte, in struct tls_peer. */
enum tls_ocsp_fault {
  TLS_OCSP_OK,
  TLS_OCSP_MISSING,
  TLS_OCSP_MUST_STAPLE, /* missing, and the certificate says it must not be */
  TLS_OCSP_TOO_LARGE,
  TLS_OCSP_MALFORMED,
  TLS_OCSP_CRITICAL, /* an extension that has to be understood, and is not */
  TLS_OCSP_NOT_SUCCESSFUL, /* the responder has not answered */
  TLS_OCSP_RESPONDER,      /* who has signed may not */
  TLS_OCSP_SIGNATURE,
  TLS_OCSP_WEAK,         /* signed over MD5 or SHA-1 */
  TLS_OCSP_OTHER_SERIAL, /* about other certificates */
  TLS_OCSP_OTHER_ISSUER, /* about those of another issuer */
  TLS_OCSP_NO_ISSUER,    /* nobody knows who has issued the certificate */
  TLS_OCSP_NOT_YET_VALID,
  TLS_OCSP_EXPIRED,
  TLS_OCSP_REVOKED, /* a good answer, to a bad question: the client's check */
  TLS_OCSP_UNKNOWN,
  TLS_OCSP_MEMORY,
  TLS_OCSP_FAULTS
};

const char *tls_ocsp_fault_code (enum tls_ocsp_fault fault);
const char *tls_ocsp_fault_message (enum tls_ocsp_fault fault);

enum tls_ocsp_status {
  TLS_OCSP_GOOD,
  TLS_OCSP_IS_UNKNOWN,
  TLS_OCSP_IS_REVOKED
};

struct tls_ocsp_answer {
  enum tls_ocsp_status status;
  int reason;           /* of a revocation, RFC 5280, 5.3.1; or -1 */
  int response_status;  /* RFC 6960, 4.2.1; or -1 */
  long responder_error; /* X509_V_ERR_..., with TLS_OCSP_RESPONDER */
  int64_t this_update;  /* s since 1970, as those below */
  int64_t next_update;  /* or 0 */
  int64_t produced_at;
  int64_t revoked_at; /* or 0 */
  int64_t until;      /* up to then it counts, with the skew */
  X509 *responder;    /* shared; who has signed, or NULL */
  bool delegated;     /* ... and that is not the issuer itself */
};

/* Read and verify a response about 'cert', at the time 'now'. 'issuer' is
** trusted. With TLS_OCSP_OK all of '*answer' is known, whatever its status.
** The caller clears it in any case. Leaves OpenSSL's error queue empty. */
enum tls_ocsp_fault tls_ocsp_answer_read (struct tls_ocsp_answer *answer,
                                          const unsigned char *der, size_t size,
                                          X509 *cert, X509 *issuer,
                                          int64_t now);
void tls_ocsp_answer_clear (struct tls_ocsp_answer *answer);

#endif
