/*
** verify_code: names for the results of verifying a chain.
*/
#ifndef tls_engine_verify_code_h
#define tls_engine_verify_code_h

/* The name of an X509_V_ERR_ number, without that prefix: "CERT_HAS_EXPIRED".
** Node has names for the first thirty or so, and "UNSPECIFIED" for the others;
** here that is only for a number that OpenSSL 4 does not have. */
const char *tls_verify_code (long error);

#endif
