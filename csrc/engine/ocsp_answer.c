/*
** ocsp_answer: reads and verifies a response of OCSP, see ocsp_answer.h.
*/
#include "ocsp_answer.h"

#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "ossl_compat.h"

void tls_ocsp_answer_clear (struct tls_ocsp_answer *answer) {
  X509_free(answer->responder); /* NULL is allowed */
  answer->responder = NULL;
}

static void start (struct tls_ocsp_answer *answer) {
  memset(answer, 0, sizeof *answer);
  answer->reason = answer->response_status = -1;
}

#if TLS_HAS_OCSP

#include <openssl/ocsp.h>
#include <openssl/rsa.h>

/* What the parts of one verification share. */
struct question {
  OCSP_BASICRESP *basic; /* owned; or NULL */
  X509 *cert, *issuer;   /* borrowed */
  int64_t now;
  struct tls_ocsp_answer *answer; /* borrowed */
};

/* === the bytes ========================================================= */

/* The version is the first element of what is signed, and should be left out,
** as there is one alone (RFC 6960, 4.2.1). 'der' is a basic response. */
static bool is_version_1 (const unsigned char *der, long n) {
  static const unsigned char version[] = {0xa0, 3, V_ASN1_INTEGER, 1, 0};
  const unsigned char *at = der;
  long size = n;
  int i, tag, class;
  for (i = 0; i < 2; i++)
    if ((ASN1_get_object(&at, &size, &tag, &class, der + n - at) & 0x80) != 0)
      return false;
  return size < (long)sizeof version || at[0] != version[0] ||
         memcmp(at, version, sizeof version) == 0;
}

/* A response ends in its basic response. What else stands in that place, bytes
** behind it or another form than DER, nobody has signed. */
static bool is_exact (OCSP_BASICRESP *basic, const unsigned char *der,
                      size_t size) {
  unsigned char *again = NULL;
  int n = i2d_OCSP_BASICRESP(basic, &again);
  bool same = n > 0 && (size_t)n <= size &&
              memcmp(again, der + size - (size_t)n, (size_t)n) == 0 &&
              is_version_1(again, n);
  OPENSSL_free(again);
  return same;
}

static enum tls_ocsp_fault read_basic (struct question *q,
                                       OCSP_RESPONSE *response,
                                       const unsigned char *der, size_t size) {
  q->answer->response_status = OCSP_response_status(response);
  if (q->answer->response_status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    return TLS_OCSP_NOT_SUCCESSFUL;
  q->basic = OCSP_response_get1_basic(response);
  if (q->basic == NULL || !is_exact(q->basic, der, size))
    return TLS_OCSP_MALFORMED;
  return TLS_OCSP_OK;
}

static enum tls_ocsp_fault
read_response (struct question *q, const unsigned char *der, size_t size) {
  const unsigned char *at = der;
  enum tls_ocsp_fault fault = TLS_OCSP_MALFORMED;
  if (size > TLS_OCSP_MAX_SIZE)
    return TLS_OCSP_TOO_LARGE;
  OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)size);
  if (response != NULL && at == der + size)
    fault = read_basic(q, response, der, size);
  OCSP_RESPONSE_free(response); /* NULL is allowed */
  return fault;
}

/* === who has signed ==================================================== */

static bool is_weak_hash (int nid) {
  const EVP_MD *md = EVP_get_digestbynid(nid);
  return md == NULL || EVP_MD_get_size(md) < 28; /* of SHA-224 */
}

/* Parameters without a hash mean SHA-1 (RFC 8017, A.2.3). */
static bool is_weak_pss (int type, const void *value) {
  RSA_PSS_PARAMS *params =
      type == V_ASN1_SEQUENCE
          ? ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS))
          : NULL;
  const ASN1_OBJECT *oid = NULL;
  if (params != NULL && params->hashAlgorithm != NULL)
    X509_ALGOR_get0(&oid, NULL, NULL, params->hashAlgorithm);
  bool weak = oid == NULL || is_weak_hash(OBJ_obj2nid(oid));
  RSA_PSS_PARAMS_free(params); /* NULL is allowed */
  return weak;
}

/* Algorithms that have no hash beside them, Ed25519 for one, are not weak. */
static bool is_weak (const X509_ALGOR *algorithm) {
  const ASN1_OBJECT *oid;
  const void *value;
  int type, hash = NID_undef;
  X509_ALGOR_get0(&oid, &type, &value, algorithm);
  if (OBJ_obj2nid(oid) == NID_rsassaPss)
    return is_weak_pss(type, value);
  if (!OBJ_find_sigid_algs(OBJ_obj2nid(oid), &hash, NULL))
    return true;
  return hash != NID_undef && is_weak_hash(hash);
}

/* A certificate without a key usage may have any. With one, both that and the
** extended one have to allow it (RFC 5280, 4.2.1.12). */
static bool may_delegate (X509 *signer, X509 *issuer) {
  const uint32_t signs = KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION;
  return X509_cmp(signer, issuer) == 0 ||
         ((X509_get_extension_flags(signer) & EXFLAG_XKUSAGE) != 0 &&
          (X509_get_extended_key_usage(signer) & XKU_OCSP_SIGN) != 0 &&
          (X509_get_key_usage(signer) & signs) != 0);
}

/* The issuer is all that is trusted: the chain is the issuer alone, or a
** certificate and the issuer that has signed it. */
static bool verify_chain (X509_STORE_CTX *ctx, struct question *q,
                          X509 *signer) {
  X509_STORE *store = X509_STORE_new();
  bool ok = store != NULL && X509_STORE_add_cert(store, q->issuer) &&
            X509_STORE_CTX_init(ctx, store, signer, NULL);
  if (ok) {
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(param, (time_t)q->now);
    X509_VERIFY_PARAM_set_auth_level(param, 1);
    ok = X509_verify_cert(ctx) == 1;
    q->answer->responder_error = X509_STORE_CTX_get_error(ctx);
  }
  X509_STORE_CTX_cleanup(ctx); /* it borrows the store */
  X509_STORE_free(store);
  return ok;
}

static bool is_authorized (struct question *q, X509 *signer) {
  X509_STORE_CTX *ctx = X509_STORE_CTX_new();
  bool ok = ctx != NULL && verify_chain(ctx, q, signer);
  X509_STORE_CTX_free(ctx);
  if (!ok || may_delegate(signer, q->issuer))
    return ok;
  q->answer->responder_error = X509_V_ERR_INVALID_PURPOSE;
  return false;
}

/* Does the responder's name, or the hash of its key, stand for this
** certificate? */
static bool is_named (const OCSP_BASICRESP *basic, X509 *cert) {
  const ASN1_OCTET_STRING *hash = NULL;
  const X509_NAME *name = NULL;
  unsigned char ours[EVP_MAX_MD_SIZE];
  unsigned n;
  if (!OCSP_resp_get0_id(basic, &hash, &name))
    return false;
  if (name != NULL)
    return X509_NAME_cmp(name, X509_get_subject_name(cert)) == 0;
  return X509_pubkey_digest(cert, EVP_sha1(), ours, &n) &&
         (int)n == ASN1_STRING_length(hash) &&
         memcmp(ours, ASN1_STRING_get0_data(hash), n) == 0;
}

static bool has_signed (struct question *q, X509 *signer) {
  STACK_OF(X509) *known = sk_X509_new_null(); /* of borrowed ones */
  bool ok = known != NULL && sk_X509_push(known, signer) > 0 &&
            OCSP_basic_verify(q->basic, known, NULL, OCSP_NOVERIFY) == 1;
  sk_X509_free(known);
  return ok;
}

static enum tls_ocsp_fault try_signer (struct question *q, X509 *signer) {
  tls_ocsp_answer_clear(q->answer);
  if (X509_up_ref(signer))
    q->answer->responder = signer;
  q->answer->delegated = X509_cmp(signer, q->issuer) != 0;
  if (!is_authorized(q, signer))
    return TLS_OCSP_RESPONDER;
  return has_signed(q, signer) ? TLS_OCSP_OK : TLS_OCSP_SIGNATURE;
}

/* Several certificates may have the responder's name, or even its key: an old
** one and a new one, say. Each of them costs time, and a peer may send many. */
static enum tls_ocsp_fault find_signer (struct question *q) {
  enum { MOST = 8 };
  const STACK_OF(X509) *included = OCSP_resp_get0_certs(q->basic);
  enum tls_ocsp_fault fault = TLS_OCSP_RESPONDER;
  int i, tried = 0, count = included == NULL ? 0 : sk_X509_num(included);
  for (i = -1; i < count && tried < MOST && fault != TLS_OCSP_OK; i++) {
    X509 *signer = i < 0 ? q->issuer : sk_X509_value(included, i);
    if (!is_named(q->basic, signer))
      continue;
    fault = try_signer(q, signer);
    tried++;
  }
  return fault;
}

static enum tls_ocsp_fault verify_signature (struct question *q) {
  return is_weak(OCSP_resp_get0_tbs_sigalg(q->basic)) ? TLS_OCSP_WEAK
                                                      : find_signer(q);
}

/* === what it says ====================================================== */

static bool seconds_of (const ASN1_GENERALIZEDTIME *when, int64_t *seconds) {
  struct tm parts;
  if (when == NULL || !ASN1_GENERALIZEDTIME_check(when) ||
      !ASN1_TIME_to_tm(when, &parts))
    return false;
  *seconds = (int64_t)timegm(&parts);
  return true;
}

static enum tls_ocsp_fault check_times (const struct tls_ocsp_answer *a,
                                        int64_t now) {
  if (a->next_update != 0 && a->next_update < a->this_update)
    return TLS_OCSP_MALFORMED;
  if (a->this_update > now + TLS_OCSP_SKEW)
    return TLS_OCSP_NOT_YET_VALID;
  return a->until < now ? TLS_OCSP_EXPIRED : TLS_OCSP_OK;
}

/* A later nextUpdate than the year 9999 does not exist, so nothing can
** overflow. */
static bool read_times (struct tls_ocsp_answer *a,
                        const ASN1_GENERALIZEDTIME *this_update,
                        const ASN1_GENERALIZEDTIME *next_update,
                        const ASN1_GENERALIZEDTIME *revoked_at) {
  if (!seconds_of(this_update, &a->this_update) ||
      (next_update != NULL && !seconds_of(next_update, &a->next_update)) ||
      (revoked_at != NULL && !seconds_of(revoked_at, &a->revoked_at)))
    return false;
  a->until =
      TLS_OCSP_SKEW + (next_update == NULL ? a->this_update + TLS_OCSP_UNDATED
                                           : a->next_update);
  return true;
}

static bool read_status (struct tls_ocsp_answer *a, int status) {
  switch (status) {
    case V_OCSP_CERTSTATUS_GOOD: a->status = TLS_OCSP_GOOD; return true;
    case V_OCSP_CERTSTATUS_REVOKED:
      a->status = TLS_OCSP_IS_REVOKED;
      return true;
    case V_OCSP_CERTSTATUS_UNKNOWN:
      a->status = TLS_OCSP_IS_UNKNOWN;
      return true;
    default: return false;
  }
}

static enum tls_ocsp_fault read_single (struct tls_ocsp_answer *a,
                                        OCSP_SINGLERESP *single, int64_t now) {
  ASN1_GENERALIZEDTIME *revoked_at = NULL, *this_update = NULL;
  ASN1_GENERALIZEDTIME *next_update = NULL;
  a->next_update = a->revoked_at = 0;
  a->reason = -1;
  int status = OCSP_single_get0_status(single, &a->reason, &revoked_at,
                                       &this_update, &next_update);
  if (status != V_OCSP_CERTSTATUS_REVOKED)
    revoked_at = NULL, a->reason = -1;
  if (!read_status(a, status) ||
      !read_times(a, this_update, next_update, revoked_at))
    return TLS_OCSP_MALFORMED;
  if (OCSP_SINGLERESP_get_ext_by_critical(single, 1, -1) >= 0)
    return TLS_OCSP_CRITICAL;
  return check_times(a, now);
}

/* The name of a certificate is made with a hash, which the responder chooses.
** SHA-1 is the usual one (RFC 5019, 2.1.1): nothing is signed by it here. */
static enum tls_ocsp_fault compare (const struct question *q,
                                    const OCSP_CERTID *id) {
  ASN1_INTEGER *serial = NULL;
  ASN1_OBJECT *hash = NULL;
  if (!OCSP_id_get0_info(NULL, &hash, NULL, &serial, (OCSP_CERTID *)id) ||
      ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(q->cert)) != 0)
    return TLS_OCSP_OTHER_SERIAL;
  const EVP_MD *md = EVP_get_digestbyobj(hash);
  if (md == NULL || EVP_MD_get_size(md) < 20)
    return TLS_OCSP_OTHER_ISSUER;
  OCSP_CERTID *ours = OCSP_cert_to_id(md, q->cert, q->issuer);
  bool same = ours != NULL && OCSP_id_cmp(ours, id) == 0;
  OCSP_CERTID_free(ours); /* NULL is allowed */
  return same ? TLS_OCSP_OK : TLS_OCSP_OTHER_ISSUER;
}

/* What stands about our certificate in one place of the response. '*best' is
** the worst answer so far, '*found' says whether there is one. An answer whose
** time it is not is passed over, and one that is odd spoils the rest. */
static enum tls_ocsp_fault weigh (struct question *q, OCSP_SINGLERESP *single,
                                  struct tls_ocsp_answer *best, bool *found) {
  struct tls_ocsp_answer one = *q->answer;
  enum tls_ocsp_fault fault = compare(q, OCSP_SINGLERESP_get0_id(single));
  if (fault == TLS_OCSP_OK)
    fault = read_single(&one, single, q->now);
  if (fault == TLS_OCSP_OK && (!*found || one.status > best->status))
    *best = one;
  *found = *found || fault == TLS_OCSP_OK;
  return fault;
}

/* Of several answers about the certificate the worst one counts. Without one,
** the fault is that of the answer that comes nearest. */
static enum tls_ocsp_fault find_single (struct question *q) {
  int i, count = OCSP_resp_count(q->basic);
  enum tls_ocsp_fault nearest = TLS_OCSP_OTHER_SERIAL;
  struct tls_ocsp_answer best = *q->answer;
  bool found = false;
  for (i = 0; i < count; i++) {
    enum tls_ocsp_fault fault =
        weigh(q, OCSP_resp_get0(q->basic, i), &best, &found);
    if (fault == TLS_OCSP_MALFORMED || fault == TLS_OCSP_CRITICAL)
      return fault;
    if (fault > nearest)
      nearest = fault;
  }
  *q->answer = best;
  return found ? TLS_OCSP_OK : nearest;
}

static enum tls_ocsp_fault read_singles (struct question *q) {
  if (OCSP_BASICRESP_get_ext_by_critical(q->basic, 1, -1) >= 0)
    return TLS_OCSP_CRITICAL;
  if (!seconds_of(OCSP_resp_get0_produced_at(q->basic),
                  &q->answer->produced_at))
    return TLS_OCSP_MALFORMED;
  return find_single(q);
}

/* By what both say, and by its signature: there may be others of that name, and
** a chain that a client accepts in spite of its faults may end in one. */
static bool is_issuer (X509 *issuer, X509 *cert) {
  EVP_PKEY *key = X509_get0_pubkey(issuer);
  return X509_check_issued(issuer, cert) == X509_V_OK && key != NULL &&
         X509_verify(cert, key) == 1;
}

enum tls_ocsp_fault tls_ocsp_answer_read (struct tls_ocsp_answer *answer,
                                          const unsigned char *der, size_t size,
                                          X509 *cert, X509 *issuer,
                                          int64_t now) {
  struct question q = {NULL, cert, issuer, now, answer};
  enum tls_ocsp_fault fault;
  start(answer);
  if (issuer == NULL || !is_issuer(issuer, cert))
    fault = TLS_OCSP_NO_ISSUER;
  else
    fault = read_response(&q, der, size);
  if (fault == TLS_OCSP_OK)
    fault = verify_signature(&q);
  if (fault == TLS_OCSP_OK)
    fault = read_singles(&q);
  OCSP_BASICRESP_free(q.basic); /* NULL is allowed */
  ERR_clear_error();
  return fault;
}

#else

enum tls_ocsp_fault tls_ocsp_answer_read (struct tls_ocsp_answer *answer,
                                          const unsigned char *der, size_t size,
                                          X509 *cert, X509 *issuer,
                                          int64_t now) {
  (void)der, (void)size, (void)cert, (void)issuer, (void)now;
  start(answer);
  return TLS_OCSP_MALFORMED; /* nothing that calls it can be switched on */
}

#endif
