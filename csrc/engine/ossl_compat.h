/*
** ossl_compat: what newer releases of OpenSSL have and others lack. Whether
** they have it is asked here alone.
*/
#ifndef tls_engine_ossl_compat_h
#define tls_engine_ossl_compat_h

#include <stdlib.h>

#include <openssl/ssl.h>

/* Run a function before OpenSSL frees what it has; 4.0 leaves that to the end
** of the process. */
#if OPENSSL_VERSION_MAJOR >= 4
#define TLS_AT_EXIT(function) atexit(function)
#else
#define TLS_AT_EXIT(function) OPENSSL_atexit(function)
#endif

/* RFC 8879, since 3.2; not in a build without zlib, brotli and zstd. */
#if OPENSSL_VERSION_NUMBER >= 0x30200000L && !defined(OPENSSL_NO_COMP_ALG)
#define TLS_CERTIFICATE_COMPRESSION 1
#define TLS_OP_NO_COMPRESSED_PEER SSL_OP_NO_RX_CERTIFICATE_COMPRESSION
#define TLS_OP_NO_COMPRESSED_OWN SSL_OP_NO_TX_CERTIFICATE_COMPRESSION
#else
#define TLS_CERTIFICATE_COMPRESSION 0
#define TLS_OP_NO_COMPRESSED_PEER 0
#define TLS_OP_NO_COMPRESSED_OWN 0
#endif

#endif
