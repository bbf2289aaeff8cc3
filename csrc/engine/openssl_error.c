/*
** openssl_error: errors as plain structs, see openssl_error.h.
*/
#include "openssl_error.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl3.h>
#include <openssl/sslerr.h>

#include "alert_names.h"
#include "cures.h"

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

/* The alert of the peer's that an entry stands for, or 0. */
static unsigned received_alert (unsigned long entry) {
  int number = ERR_GET_REASON(entry) - SSL_AD_REASON_OFFSET;
  bool is_alert = ERR_GET_LIB(entry) == ERR_LIB_SSL && number > 0;
  return is_alert && number <= 255 ? (unsigned)number : 0;
}

/* Reasons whose words differ between releases of OpenSSL, in those of 3.2 to
** 3.6. Alerts have theirs in alert_names.c. */
static const struct {
  int lib, reason;
  const char *text;
} stable_reasons[] = {
    {ERR_LIB_SSL, 232, "ssl3 ext invalid max fragment length"},
    {ERR_LIB_SSL, 300, "ssl3 session id too long"},
    {ERR_LIB_SSL, 319, "ssl3 ext invalid servername"},
    {ERR_LIB_SSL, 320, "ssl3 ext invalid servername type"},
    {ERR_LIB_X509, 114, "can't check dh key"},
    {ERR_LIB_PKCS12, 100, "can't pack structure"},
};

/* NULL when OpenSSL has no words for it. */
static const char *reason_of (unsigned long entry) {
  unsigned number = received_alert(entry);
  const struct tls_alert *alert = number == 0 ? NULL : tls_alert_find(number);
  size_t i;
  if (alert != NULL)
    return alert->reason;
  for (i = 0; i < sizeof stable_reasons / sizeof *stable_reasons; i++)
    if (ERR_GET_LIB(entry) == stable_reasons[i].lib &&
        ERR_GET_REASON(entry) == stable_reasons[i].reason)
      return stable_reasons[i].text;
  return ERR_reason_error_string(entry);
}

void tls_error_set_alert (struct tls_error *e, unsigned number, bool sent) {
  const struct tls_alert *alert = tls_alert_find(number);
  e->alert_sent = sent;
  if (alert != NULL)
    copy(e->alert, sizeof e->alert, alert->name);
  else
    snprintf(e->alert, sizeof e->alert, "unknown_%u", number);
}

/* Since 3.2 a record that is too long has the other one's reason. */
static unsigned long stable_entry (unsigned long entry) {
  bool too_long = ERR_GET_LIB(entry) == ERR_LIB_SSL &&
                  ERR_GET_REASON(entry) == SSL_R_PACKET_LENGTH_TOO_LONG;
  return too_long ? ERR_PACK(ERR_LIB_SSL, 0, SSL_R_DATA_LENGTH_TOO_LONG)
                  : entry;
}

static void write_message (struct tls_error *e, unsigned long entry) {
  const char *cure = tls_cure(entry);
  tls_error_entry_text(entry, e->message, sizeof e->message);
  size_t n = strlen(e->message);
  if (cure != NULL)
    snprintf(e->message + n, sizeof e->message - n, ": %s", cure);
}

static void describe (struct tls_error *e, unsigned long raw) {
  unsigned long entry = stable_entry(raw);
  const char *reason = reason_of(entry);
  unsigned alert = received_alert(entry);
  write_message(e, entry);
  copy(e->library, sizeof e->library, ERR_lib_error_string(entry));
  copy(e->reason, sizeof e->reason, reason);
  if (reason != NULL)
    name_code(e, ERR_GET_LIB(entry));
  if (alert != 0)
    tls_error_set_alert(e, alert, false);
}

/* All entries but the cause. */
static void keep_stack (struct tls_error *e, const unsigned long *entries,
                        size_t n, size_t cause) {
  while (n-- > 0)
    if (n != cause && e->stack_size < TLS_ERROR_STACK)
      e->stack[e->stack_size++] = entries[n];
}

/* What OpenSSL makes of the want of memory may be anything: no certificate was
** found, a key does not match. */
static bool no_memory (const unsigned long *entries, size_t n) {
  size_t i;
  for (i = 0; i < n; i++)
    if (ERR_GET_REASON(entries[i]) == ERR_R_MALLOC_FAILURE)
      return true;
  return false;
}

bool tls_error_drop_queue (void) {
  unsigned long entry;
  bool wanted = false;
  while ((entry = ERR_get_error()) != 0)
    wanted = wanted || ERR_GET_REASON(entry) == ERR_R_MALLOC_FAILURE;
  return wanted;
}

bool tls_error_is_no_memory (const struct tls_error *e) {
  return strcmp(e->code, TLS_NO_MEMORY) == 0;
}

static void from_queue (struct tls_error *e, bool newest, const char *code,
                        const char *message) {
  unsigned long entries[TLS_ERROR_STACK + 1];
  size_t n = take_queue(entries, TLS_ERROR_STACK + 1);
  tls_error_set(e, code, message);
  if (n == 0)
    return;
  size_t cause = newest ? n - 1 : find_cause(entries, n);
  if (no_memory(entries, n))
    tls_error_set(e, TLS_NO_MEMORY, TLS_NO_MEMORY_TEXT);
  else
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

/* As ERR_error_string_n(3) writes it, but for the reason. */
void tls_error_entry_text (unsigned long entry, char *text, size_t size) {
  const char *library = ERR_lib_error_string(entry);
  const char *reason = reason_of(entry);
  if (library == NULL || reason == NULL)
    ERR_error_string_n(entry, text, size);
  else
    snprintf(text, size, "error:%08lX:%s::%s", entry, library, reason);
}
