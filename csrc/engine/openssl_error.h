/*
** openssl_error: an error of a connection or a context as one plain struct,
** from OpenSSL's error queue or from our own words.
*/
#ifndef tls_engine_openssl_error_h
#define tls_engine_openssl_error_h

#include <stdbool.h>
#include <stddef.h>

/* OpenSSL's queue holds ERR_NUM_ERRORS entries, 16, of which one is the
** cause. */
#define TLS_ERROR_STACK 15

#define TLS_NO_MEMORY "ERR_MEMORY_ALLOCATION_FAILED"
#define TLS_NO_MEMORY_TEXT "out of memory"

struct tls_error {
  char code[96];     /* Node's code: ERR_SSL_WRONG_VERSION_NUMBER */
  char message[512]; /* what happened, for a person */
  char library[64];  /* OpenSSL's library, or "" */
  char reason[128];  /* OpenSSL's reason, or "" */
  char alert[32];    /* name of the alert that ended the connection, or "" */
  bool alert_sent;   /* by us, not by the peer */

  /* the other entries of the queue, the newest first */
  unsigned long stack[TLS_ERROR_STACK];
  size_t stack_size;
};

/* Fill 'e' from the entry of the queue that names the cause, and empty the
** queue. When the queue is empty, the error is 'code' and 'message'. When any
** entry says that there was no memory, that is the error. */
void tls_error_from_queue (struct tls_error *e, const char *code,
                           const char *message);

/* The same, but the newest entry names the cause: what reads PEM says there
** that it was PEM. */
void tls_error_from_newest (struct tls_error *e, const char *code,
                            const char *message);

/* Empty OpenSSL's queue. True when it said that there was no memory. */
bool tls_error_drop_queue (void);

/* Whether it says that there was no memory. */
bool tls_error_is_no_memory (const struct tls_error *e);

void tls_error_set (struct tls_error *e, const char *code, const char *message);

/* Name the alert with this number. */
void tls_error_set_alert (struct tls_error *e, unsigned number, bool sent);

/* Write OpenSSL's words for an entry of 'stack'. They are the same for every
** release of OpenSSL. */
void tls_error_entry_text (unsigned long entry, char *text, size_t size);

#endif
