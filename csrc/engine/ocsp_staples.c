/*
** ocsp_staples: a list of OCSP responses, see ocsp_staples.h.
*/
#include "ocsp_staples.h"

#include <stdlib.h>

static void free_staple (struct tls_staple *staple) {
  X509_free(staple->cert);
  tls_blob_clear(&staple->response);
  free(staple);
}

void tls_staples_free (struct tls_staple *staples) {
  while (staples != NULL) {
    struct tls_staple *next = staples->next;
    free_staple(staples);
    staples = next;
  }
}

const struct tls_staple *tls_staples_find (const struct tls_staple *staples,
                                           const X509 *cert) {
  while (staples != NULL && X509_cmp(staples->cert, cert) != 0)
    staples = staples->next;
  return staples;
}

static struct tls_staple *make (X509 *cert, const unsigned char *der,
                                size_t size, int64_t until) {
  struct tls_staple *staple = calloc(1, sizeof *staple);
  if (staple == NULL)
    return NULL;
  staple->until = until;
  if (X509_up_ref(cert))
    staple->cert = cert;
  if (staple->cert != NULL && tls_blob_set(&staple->response, der, size))
    return staple;
  free_staple(staple);
  return NULL;
}

static void take_out (struct tls_staple **at, const X509 *cert) {
  while (*at != NULL && X509_cmp((*at)->cert, cert) != 0)
    at = &(*at)->next;
  struct tls_staple *old = *at;
  if (old == NULL)
    return;
  *at = old->next;
  free_staple(old);
}

bool tls_staples_put (struct tls_staple **staples, X509 *cert,
                      const unsigned char *der, size_t size, int64_t until) {
  struct tls_staple *fresh = size == 0 ? NULL : make(cert, der, size, until);
  if (size > 0 && fresh == NULL)
    return false;
  take_out(staples, cert);
  if (fresh == NULL)
    return true;
  fresh->next = *staples;
  *staples = fresh;
  return true;
}
