/*
** sslerr: OpenSSL's error queue (and a verdict on a chain) as one plain
** struct. Plain C: nothing here can throw.
*/
#ifndef tls_sslerr_h
#define tls_sslerr_h

#include <stdbool.h>

struct tls_error {
  char code[96];     /* Node's code: ERR_SSL_WRONG_VERSION_NUMBER */
  char message[320]; /* what happened, for a person */
  char library[64];  /* OpenSSL's library, or "" */
  char reason[128];  /* OpenSSL's reason, or "" */
};

/* Take the entry that names the cause and empty the queue. With an
** empty queue the error says 'code' and 'message'. */
void tls_error_from_queue (struct tls_error *e, const char *code,
                           const char *message);

void tls_error_set (struct tls_error *e, const char *code, const char *message);

/* The name Node gives to an X509_V_ERR_ number: "CERT_HAS_EXPIRED". */
const char *tls_verify_code (long error);

#endif
