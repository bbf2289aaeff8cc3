/*
** ocsp_check: a client looks at what is stapled, see ocsp_check.h.
*/
#include "ocsp_check.h"

#include <string.h>
#include <time.h>

#include <openssl/x509v3.h>

#include "engine_state.h"
#include "ocsp_answer.h"

/* === what a session remembers ========================================== */

/* A session stands for the certificate of the handshake that has made it, and
** in a resumption nothing is stapled. So it has to say what was looked at, and
** how long that counts: as the ticket's data, which OpenSSL keeps in the
** session's DER, hands on to the sessions that come of this one, and has no use
** for on a client. */
#define MARK "ocsp"
enum { MARK_SIZE = 13, KIND_AT = 4, UNTIL_AT = 5 };
enum kind { KIND_NONE = 1 /* there was nothing to look at */, KIND_GOOD };

static void put (unsigned char *to, int64_t value) {
  int i;
  for (i = 0; i < 8; i++)
    to[i] = (unsigned char)((uint64_t)value >> (8 * i));
}

static int64_t get (const unsigned char *from) {
  uint64_t value = 0;
  int i;
  for (i = 7; i >= 0; i--)
    value = value << 8 | from[i];
  return (int64_t)value;
}

static bool mark (SSL *ssl, enum kind kind, int64_t until) {
  unsigned char data[MARK_SIZE] = MARK;
  SSL_SESSION *session = SSL_get_session(ssl);
  data[KIND_AT] = (unsigned char)kind;
  put(data + UNTIL_AT, until);
  return session != NULL &&
         SSL_SESSION_set1_ticket_appdata(session, data, sizeof data);
}

bool tls_ocsp_session_suffices (const struct tls_engine *e,
                                const SSL_SESSION *session) {
  void *data = NULL;
  size_t n = 0;
  if (e->ocsp == TLS_OCSP_IGNORE)
    return true;
  if (!SSL_SESSION_get0_ticket_appdata((SSL_SESSION *)session, &data, &n) ||
      n != MARK_SIZE || memcmp(data, MARK, strlen(MARK)) != 0)
    return false;
  const unsigned char *bytes = data;
  if (bytes[KIND_AT] == KIND_GOOD)
    return get(bytes + UNTIL_AT) >= (int64_t)time(NULL);
  return bytes[KIND_AT] == KIND_NONE && e->ocsp == TLS_OCSP_CHECK;
}

/* === the check ========================================================= */

static void keep (struct tls_engine *e, X509 *issuer) {
  X509_free(e->issuer); /* NULL is allowed */
  e->issuer = issuer != NULL && X509_up_ref(issuer) ? issuer : NULL;
}

/* A certificate that is trusted itself has its issuer in the chain only if it
** has issued itself. */
void tls_ocsp_keep_issuer (struct tls_engine *e, X509_STORE_CTX *ctx) {
  STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
  int count = chain == NULL ? 0 : sk_X509_num(chain);
  keep(e, count == 0 ? NULL : sk_X509_value(chain, count > 1 ? 1 : 0));
}

/* RFC 7633: the certificate says that it is not to be believed without. */
static bool must_staple (const X509 *cert) {
  TLS_FEATURE *features = X509_get_ext_d2i(cert, NID_tlsfeature, NULL, NULL);
  int i, count = features == NULL ? 0 : sk_ASN1_INTEGER_num(features);
  bool found = false;
  for (i = 0; i < count && !found; i++)
    found = ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) ==
            TLSEXT_TYPE_status_request;
  TLS_FEATURE_free(features); /* NULL is allowed */
  return found;
}

/* In a renegotiation servers may not staple again. What was good enough on
** this connection still is, for the same certificate. */
static bool passed_before (const struct tls_engine *e) {
  const struct tls_peer *before = e->peer;
  return before != NULL && before->leaf != NULL &&
         before->ocsp_fault == TLS_OCSP_OK &&
         X509_cmp(before->leaf, e->next_peer->leaf) == 0;
}

static enum tls_ocsp_fault check_missing (struct tls_engine *e) {
  if (passed_before(e))
    return TLS_OCSP_OK;
  if (must_staple(e->next_peer->leaf))
    return TLS_OCSP_MUST_STAPLE;
  if (e->ocsp == TLS_OCSP_REQUIRE)
    return TLS_OCSP_MISSING;
  return mark(e->ssl, KIND_NONE, 0) ? TLS_OCSP_OK : TLS_OCSP_MEMORY;
}

static enum tls_ocsp_fault check_answer (struct tls_engine *e,
                                         const struct tls_ocsp_answer *a) {
  if (a->status == TLS_OCSP_IS_REVOKED)
    return TLS_OCSP_REVOKED;
  if (a->status != TLS_OCSP_GOOD)
    return TLS_OCSP_UNKNOWN;
  return mark(e->ssl, KIND_GOOD, a->until) ? TLS_OCSP_OK : TLS_OCSP_MEMORY;
}

const unsigned char *tls_engine_ocsp_response (const struct tls_engine *e,
                                               size_t *n) {
  const unsigned char *data = NULL;
  long size = SSL_get_tlsext_status_ocsp_resp(e->ssl, &data);
  *n = size > 0 ? (size_t)size : 0;
  return size > 0 ? data : NULL;
}

static enum tls_ocsp_fault check_staple (struct tls_engine *e) {
  struct tls_ocsp_answer answer;
  size_t n;
  const unsigned char *der = tls_engine_ocsp_response(e, &n);
  if (der == NULL)
    return check_missing(e);
  enum tls_ocsp_fault fault = tls_ocsp_answer_read(
      &answer, der, n, e->next_peer->leaf, e->issuer, (int64_t)time(NULL));
  if (fault == TLS_OCSP_OK)
    fault = check_answer(e, &answer);
  tls_ocsp_answer_clear(&answer);
  return fault;
}

/* Without a certificate in this handshake there is nothing to check: its
** session has shown one, and was good enough to be offered; or a key stands for
** it, a raw one or one that both know. */
bool tls_ocsp_check (struct tls_engine *e) {
  struct tls_peer *peer = e->next_peer;
  if (e->ocsp == TLS_OCSP_IGNORE || peer == NULL || peer->leaf == NULL)
    return true;
  peer->ocsp_fault = (unsigned char)check_staple(e);
  keep(e, NULL);
  return peer->ocsp_fault == TLS_OCSP_OK || !e->reject_unauthorized;
}
