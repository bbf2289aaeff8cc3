/*
** alert_names: the alerts of TLS by number.
*/
#ifndef tls_engine_alert_names_h
#define tls_engine_alert_names_h

struct tls_alert {
  unsigned char number;
  const char *name;   /* RFC 8446, 6.2; without its suffix "_RESERVED", as in
                         the older RFC that defines it */
  const char *reason; /* OpenSSL's for one that was received */
};

/* All alerts; the last one has no name. */
extern const struct tls_alert tls_alerts[];

/* NULL for a number that is not assigned. */
const struct tls_alert *tls_alert_find (unsigned number);

#endif
