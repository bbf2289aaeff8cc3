/*
** cures: what helps against some of OpenSSL's errors, where the error alone
** says it.
*/
#ifndef tls_engine_cures_h
#define tls_engine_cures_h

/* Words for the end of a message, or NULL. */
const char *tls_cure (unsigned long entry);

#endif
