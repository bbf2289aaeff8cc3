/*
** ossl_compat: what newer releases of OpenSSL have and others lack. Whether
** they have it is asked here alone.
*/
#ifndef tls_engine_ossl_compat_h
#define tls_engine_ossl_compat_h

#include <stdbool.h>
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

/* SSL_trace(3), which a build may leave out. */
#ifdef OPENSSL_NO_SSL_TRACE
#define TLS_CAN_TRACE 0
#define TLS_TRACE(...) ((void)0)
#else
#define TLS_CAN_TRACE 1
#define TLS_TRACE SSL_trace
#endif

/* OCSP, which a build may leave out. */
#ifdef OPENSSL_NO_OCSP
#define TLS_HAS_OCSP 0
#else
#define TLS_HAS_OCSP 1
#endif

/* The name of the group of the key exchange, or NULL. Releases before 3.2 have
** no name for what has no number of its own among OpenSSL's objects. */
static inline const char *tls_ossl_group_name (SSL *ssl) {
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
  return SSL_get0_group_name(ssl);
#else
  int id = (int)SSL_get_negotiated_group(ssl);
  return id == 0 ? NULL : SSL_group_to_name(ssl, id);
#endif
}

/* The round trip in the handshake, in microseconds; false before it is known,
** and in releases before 3.2. */
static inline bool tls_ossl_handshake_rtt (const SSL *ssl, uint64_t *rtt) {
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
  return SSL_get_handshake_rtt(ssl, rtt) == 1;
#else
  (void)ssl;
  (void)rtt;
  return false;
#endif
}

#endif
