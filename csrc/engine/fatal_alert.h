/*
** fatal_alert: the alert that has ended a connection.
*/
#ifndef tls_engine_fatal_alert_h
#define tls_engine_fatal_alert_h

#include "engine.h"

/* From SSL_set_info_callback(3): OpenSSL has read or written an alert. */
void tls_fatal_alert_note (struct tls_engine *e, int where, int value);

/* Put it into 'error', if there was one. */
void tls_fatal_alert_describe (const struct tls_engine *e,
                               struct tls_error *error);

#endif
