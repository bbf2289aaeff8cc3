/*
** openssl_error: errors as plain structs, see openssl_error.h.
*/
#include "openssl_error.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

static void copy (char *to, size_t size, const char *from) {
  snprintf(to, size, "%s", from == NULL ? "" : from);
}

/* The word that codes use for a library: PEM for "PEM routines". NULL for a
** library that they do not name. */
static const char *short_library (int lib) {
  switch (lib) {
    case ERR_LIB_PEM: return "PEM";
    case ERR_LIB_X509: return "X509";
    case ERR_LIB_EVP: return "EVP";
    case ERR_LIB_ASN1: return "ASN1";
    case ERR_LIB_RSA: return "RSA";
    case ERR_LIB_EC: return "EC";
    case ERR_LIB_DH: return "DH";
    case ERR_LIB_BIO: return "BIO";
    case ERR_LIB_PKCS12: return "PKCS12";
    default: return NULL;
  }
}

/* Node's rule: ERR_SSL_ + REASON for TLS itself, ERR_OSSL_ + LIBRARY + _ +
** REASON for the libraries it knows, ERR_OSSL_ + REASON for the others. */
static void name_code (struct tls_error *e, int lib) {
  const char *brief = short_library(lib);
  char *p;
  if (lib == ERR_LIB_SSL)
    snprintf(e->code, sizeof e->code, "ERR_SSL_%.80s", e->reason);
  else if (brief != NULL)
    snprintf(e->code, sizeof e->code, "ERR_OSSL_%s_%.70s", brief, e->reason);
  else
    snprintf(e->code, sizeof e->code, "ERR_OSSL_%.80s", e->reason);
  for (p = e->code; *p != '\0'; p++)
    *p = *p == ' ' ? '_' : (char)toupper((unsigned char)*p);
}

void tls_error_set (struct tls_error *e, const char *code,
                    const char *message) {
  memset(e, 0, sizeof *e);
  copy(e->code, sizeof e->code, code);
  copy(e->message, sizeof e->message, message);
}

/* Move the queue to 'entries', the oldest first; returns how many. */
static size_t take_queue (unsigned long *entries, size_t room) {
  unsigned long entry;
  size_t n = 0;
  while ((entry = ERR_get_error()) != 0)
    if (n < room)
      entries[n++] = entry;
  return n;
}

/* The index of the entry that names the cause: the oldest one of TLS, or the
** oldest. A provider may have complained before TLS said what that means. */
static size_t find_cause (const unsigned long *entries, size_t n) {
  size_t i;
  for (i = 0; i < n; i++)
    if (ERR_GET_LIB(entries[i]) == ERR_LIB_SSL)
      return i;
  return 0;
}

static void describe (struct tls_error *e, unsigned long entry) {
  const char *reason = ERR_reason_error_string(entry);
  ERR_error_string_n(entry, e->message, sizeof e->message);
  copy(e->library, sizeof e->library, ERR_lib_error_string(entry));
  copy(e->reason, sizeof e->reason, reason);
  if (reason != NULL)
    name_code(e, ERR_GET_LIB(entry));
}

/* All entries but the cause. */
static void keep_stack (struct tls_error *e, const unsigned long *entries,
                        size_t n, size_t cause) {
  while (n-- > 0)
    if (n != cause && e->stack_size < TLS_ERROR_STACK)
      e->stack[e->stack_size++] = entries[n];
}

static void from_queue (struct tls_error *e, bool newest, const char *code,
                        const char *message) {
  unsigned long entries[TLS_ERROR_STACK + 1];
  size_t n = take_queue(entries, TLS_ERROR_STACK + 1);
  tls_error_set(e, code, message);
  if (n == 0)
    return;
  size_t cause = newest ? n - 1 : find_cause(entries, n);
  describe(e, entries[cause]);
  keep_stack(e, entries, n, cause);
}

void tls_error_from_queue (struct tls_error *e, const char *code,
                           const char *message) {
  from_queue(e, false, code, message);
}

void tls_error_from_newest (struct tls_error *e, const char *code,
                            const char *message) {
  from_queue(e, true, code, message);
}

void tls_error_entry_text (unsigned long entry, char *text, size_t size) {
  ERR_error_string_n(entry, text, size);
}
