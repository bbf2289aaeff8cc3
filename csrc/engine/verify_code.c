/*
** verify_code: names for the results of verifying a chain, see verify_code.h.
*/
#include "verify_code.h"

#include <stddef.h>

#include <openssl/x509_vfy.h>

/* All that OpenSSL 3.0 has. */
/* clang-format off */
#define VERIFY_CODES(X)                     \
  X(UNABLE_TO_GET_ISSUER_CERT)              \
  X(UNABLE_TO_GET_CRL)                      \
  X(UNABLE_TO_DECRYPT_CERT_SIGNATURE)       \
  X(UNABLE_TO_DECRYPT_CRL_SIGNATURE)        \
  X(UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY)     \
  X(CERT_SIGNATURE_FAILURE)                 \
  X(CRL_SIGNATURE_FAILURE)                  \
  X(CERT_NOT_YET_VALID)                     \
  X(CERT_HAS_EXPIRED)                       \
  X(CRL_NOT_YET_VALID)                      \
  X(CRL_HAS_EXPIRED)                        \
  X(ERROR_IN_CERT_NOT_BEFORE_FIELD)         \
  X(ERROR_IN_CERT_NOT_AFTER_FIELD)          \
  X(ERROR_IN_CRL_LAST_UPDATE_FIELD)         \
  X(ERROR_IN_CRL_NEXT_UPDATE_FIELD)         \
  X(OUT_OF_MEM)                             \
  X(DEPTH_ZERO_SELF_SIGNED_CERT)            \
  X(SELF_SIGNED_CERT_IN_CHAIN)              \
  X(UNABLE_TO_GET_ISSUER_CERT_LOCALLY)      \
  X(UNABLE_TO_VERIFY_LEAF_SIGNATURE)        \
  X(CERT_CHAIN_TOO_LONG)                    \
  X(CERT_REVOKED)                           \
  X(NO_ISSUER_PUBLIC_KEY)                   \
  X(PATH_LENGTH_EXCEEDED)                   \
  X(INVALID_PURPOSE)                        \
  X(CERT_UNTRUSTED)                         \
  X(CERT_REJECTED)                          \
  X(SUBJECT_ISSUER_MISMATCH)                \
  X(AKID_SKID_MISMATCH)                     \
  X(AKID_ISSUER_SERIAL_MISMATCH)            \
  X(KEYUSAGE_NO_CERTSIGN)                   \
  X(UNABLE_TO_GET_CRL_ISSUER)               \
  X(UNHANDLED_CRITICAL_EXTENSION)           \
  X(KEYUSAGE_NO_CRL_SIGN)                   \
  X(UNHANDLED_CRITICAL_CRL_EXTENSION)       \
  X(INVALID_NON_CA)                         \
  X(PROXY_PATH_LENGTH_EXCEEDED)             \
  X(KEYUSAGE_NO_DIGITAL_SIGNATURE)          \
  X(PROXY_CERTIFICATES_NOT_ALLOWED)         \
  X(INVALID_EXTENSION)                      \
  X(INVALID_POLICY_EXTENSION)               \
  X(NO_EXPLICIT_POLICY)                     \
  X(DIFFERENT_CRL_SCOPE)                    \
  X(UNSUPPORTED_EXTENSION_FEATURE)          \
  X(UNNESTED_RESOURCE)                      \
  X(PERMITTED_VIOLATION)                    \
  X(EXCLUDED_VIOLATION)                     \
  X(SUBTREE_MINMAX)                         \
  X(APPLICATION_VERIFICATION)               \
  X(UNSUPPORTED_CONSTRAINT_TYPE)            \
  X(UNSUPPORTED_CONSTRAINT_SYNTAX)          \
  X(UNSUPPORTED_NAME_SYNTAX)                \
  X(CRL_PATH_VALIDATION_ERROR)              \
  X(PATH_LOOP)                              \
  X(SUITE_B_INVALID_VERSION)                \
  X(SUITE_B_INVALID_ALGORITHM)              \
  X(SUITE_B_INVALID_CURVE)                  \
  X(SUITE_B_INVALID_SIGNATURE_ALGORITHM)    \
  X(SUITE_B_LOS_NOT_ALLOWED)                \
  X(SUITE_B_CANNOT_SIGN_P_384_WITH_P_256)   \
  X(HOSTNAME_MISMATCH)                      \
  X(EMAIL_MISMATCH)                         \
  X(IP_ADDRESS_MISMATCH)                    \
  X(DANE_NO_MATCH)                          \
  X(EE_KEY_TOO_SMALL)                       \
  X(CA_KEY_TOO_SMALL)                       \
  X(CA_MD_TOO_WEAK)                         \
  X(INVALID_CALL)                           \
  X(STORE_LOOKUP)                           \
  X(NO_VALID_SCTS)                          \
  X(PROXY_SUBJECT_NAME_VIOLATION)           \
  X(OCSP_VERIFY_NEEDED)                     \
  X(OCSP_VERIFY_FAILED)                     \
  X(OCSP_CERT_UNKNOWN)                      \
  X(UNSUPPORTED_SIGNATURE_ALGORITHM)        \
  X(SIGNATURE_ALGORITHM_MISMATCH)           \
  X(SIGNATURE_ALGORITHM_INCONSISTENCY)      \
  X(INVALID_CA)                             \
  X(PATHLEN_INVALID_FOR_NON_CA)             \
  X(PATHLEN_WITHOUT_KU_KEY_CERT_SIGN)       \
  X(KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA)    \
  X(ISSUER_NAME_EMPTY)                      \
  X(SUBJECT_NAME_EMPTY)                     \
  X(MISSING_AUTHORITY_KEY_IDENTIFIER)       \
  X(MISSING_SUBJECT_KEY_IDENTIFIER)         \
  X(EMPTY_SUBJECT_ALT_NAME)                 \
  X(EMPTY_SUBJECT_SAN_NOT_CRITICAL)         \
  X(CA_BCONS_NOT_CRITICAL)                  \
  X(AUTHORITY_KEY_IDENTIFIER_CRITICAL)      \
  X(SUBJECT_KEY_IDENTIFIER_CRITICAL)        \
  X(CA_CERT_MISSING_KEY_USAGE)              \
  X(EXTENSIONS_REQUIRE_VERSION_3)           \
  X(EC_KEY_EXPLICIT_PARAMS)

/* Those of later releases: their number, which never changes, since the headers
** that this is built with may not have them. */
#define LATER_CODES(X)                      \
  X(95, RPK_UNTRUSTED)                      \
  X(96, OCSP_RESP_INVALID)                  \
  X(97, OCSP_SIGNATURE_FAILURE)             \
  X(98, OCSP_NOT_YET_VALID)                 \
  X(99, OCSP_HAS_EXPIRED)                   \
  X(100, OCSP_NO_RESPONSE)                  \
  X(101, CRL_VERIFY_FAILED)

static const char *const names[] = {
  [X509_V_OK] = "OK",
#define X(name) [X509_V_ERR_##name] = #name,
  VERIFY_CODES(X)
#undef X
#define X(number, name) [number] = #name,
  LATER_CODES(X)
#undef X
};
/* clang-format on */

const char *tls_verify_code (long error) {
  const long count = sizeof names / sizeof names[0];
  const char *name = error >= 0 && error < count ? names[error] : NULL;
  return name == NULL ? "UNSPECIFIED" : name;
}
