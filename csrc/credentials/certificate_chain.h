/*
** certificate_chain: which certificate of a list has issued another. Plain C
** over OpenSSL. Used by certificate_table.c and x509_certificate.c.
*/
#ifndef tls_credentials_certificate_chain_h
#define tls_credentials_certificate_chain_h

#include <stdbool.h>
#include <stddef.h>

#include <openssl/x509.h>

/* Lists and certificates are borrowed; a list may be NULL, which is empty. */

/* Do the names and the key identifiers fit? The signature is not verified. */
bool tls_chain_issued (X509 *issuer, X509 *subject);

/* How many bytes tls_chain_begin() needs. */
size_t tls_chain_size(STACK_OF(X509) * chain);

/* Begin a walk from 'leaf', which may be in the list itself. 'used' is the
** caller's, and says which certificates the walk has met. */
void tls_chain_begin (STACK_OF(X509) * chain, unsigned char *used,
                      const X509 *leaf);

/* The next one of the walk: the issuer of 'cert' among those that it has not
** met. NULL when there is none, and behind a self-signed one. */
X509 *tls_chain_next (STACK_OF(X509) * chain, unsigned char *used, X509 *cert);

#endif
