/*
** ocsp_staples: a list of OCSP responses, by the certificates that they are
** about. A context has one (ex_data.h).
*/
#ifndef tls_engine_ocsp_staples_h
#define tls_engine_ocsp_staples_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "blob.h"

struct tls_staple {
  struct tls_staple *next;  /* owned; or NULL */
  X509 *cert;               /* shared; which it is about */
  struct tls_blob response; /* DER */
  int64_t until;            /* s since 1970; afterwards it is not sent */
};

/* Put one into the list at '*staples', in the place of another one about that
** certificate; when 'size' is 0, only take that one out. False when there is
** no memory: then nothing has changed. */
bool tls_staples_put (struct tls_staple **staples, X509 *cert,
                      const unsigned char *der, size_t size, int64_t until);

/* The one about the certificate, or NULL. Borrowed. */
const struct tls_staple *tls_staples_find (const struct tls_staple *staples,
                                           const X509 *cert);

void tls_staples_free (struct tls_staple *staples); /* NULL is allowed */

#endif
