/*
** openssl_error: an error of a connection or a context as one plain struct,
** from OpenSSL's error queue or from our own words.
*/
#ifndef tls_engine_openssl_error_h
#define tls_engine_openssl_error_h

#include <stdbool.h>

struct tls_error {
  char code[96];     /* Node's code: ERR_SSL_WRONG_VERSION_NUMBER */
  char message[320]; /* what happened, for a person */
  char library[64];  /* OpenSSL's library, or "" */
  char reason[128];  /* OpenSSL's reason, or "" */
};

/* Fill 'e' from the entry of the queue that names the cause, and empty the
** queue. When the queue is empty, the error is 'code' and 'message'. */
void tls_error_from_queue (struct tls_error *e, const char *code,
                           const char *message);

void tls_error_set (struct tls_error *e, const char *code, const char *message);

/* The name Node gives to an X509_V_ERR_ number: "CERT_HAS_EXPIRED". */
const char *tls_verify_code (long error);

#endif
