/*
** certificate_chain: which certificate of a list has issued another, see
** certificate_chain.h.
*/
#include "certificate_chain.h"

#include <openssl/x509v3.h>

bool tls_chain_issued (X509 *issuer, X509 *subject) {
  return X509_check_issued(issuer, subject) == X509_V_OK;
}

size_t tls_chain_size (STACK_OF(X509) * chain) {
  int count = chain == NULL ? 0 : sk_X509_num(chain);
  return count > 0 ? (size_t)count : 0;
}

void tls_chain_begin (STACK_OF(X509) * chain, unsigned char *used,
                      const X509 *leaf) {
  size_t i, count = tls_chain_size(chain);
  for (i = 0; i < count; i++)
    used[i] = X509_cmp(sk_X509_value(chain, (int)i), leaf) == 0;
}

X509 *tls_chain_next (STACK_OF(X509) * chain, unsigned char *used, X509 *cert) {
  size_t i, count = tls_chain_size(chain);
  if (tls_chain_issued(cert, cert))
    return NULL;
  for (i = 0; i < count; i++) {
    X509 *candidate = sk_X509_value(chain, (int)i);
    if (!used[i] && tls_chain_issued(candidate, cert)) {
      used[i] = 1;
      return candidate;
    }
  }
  return NULL;
}
