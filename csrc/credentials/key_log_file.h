/*
** key_log_file: the file that the environment variable SSLKEYLOGFILE names
** gets the secrets of every connection, client and server, as with curl and
** Python: lines in the format of NSS, with which Wireshark decrypts a capture.
*/
#ifndef tls_credentials_key_log_file_h
#define tls_credentials_key_log_file_h

#include <openssl/ssl.h>

/* Have the connections of 'ctx' logged, if the variable is set. Opens the
** file when it is called first in the process, which keeps it. */
void tls_key_log_file_install (SSL_CTX *ctx);

#endif
