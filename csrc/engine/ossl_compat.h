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
#define TLS_OP_NO_COMPRESSION_AT_ALL \
  (TLS_OP_NO_COMPRESSED_PEER | TLS_OP_NO_COMPRESSED_OWN)

/* RFC 7250, since 3.2. */
#ifdef TLSEXT_cert_type_rpk
#define TLS_RAW_PUBLIC_KEYS 1
#define TLS_CERT_TYPE_RAW TLSEXT_cert_type_rpk
#define TLS_CERT_TYPE_X509 TLSEXT_cert_type_x509
#define TLS_V_ERR_RAW_KEY_UNTRUSTED X509_V_ERR_RPK_UNTRUSTED
#define tls_ossl_set_server_types SSL_set1_server_cert_type
#define tls_ossl_set_client_types SSL_set1_client_cert_type
#define tls_ossl_raw_key_to_verify X509_STORE_CTX_get0_rpk
#define tls_ossl_peer_raw_key SSL_get0_peer_rpk
#define tls_ossl_session_raw_key SSL_SESSION_get0_peer_rpk
#else
#define TLS_RAW_PUBLIC_KEYS 0
#define TLS_CERT_TYPE_RAW 2
#define TLS_CERT_TYPE_X509 0
#define TLS_V_ERR_RAW_KEY_UNTRUSTED 95
#define tls_ossl_set_server_types(ssl, types, n) ((void)(types), (n) == 0)
#define tls_ossl_set_client_types(ssl, types, n) ((void)(types), (n) == 0)
#define tls_ossl_raw_key_to_verify(ctx) ((EVP_PKEY *)NULL)
#define tls_ossl_peer_raw_key(ssl) ((EVP_PKEY *)NULL)
#define tls_ossl_session_raw_key(session) ((EVP_PKEY *)NULL)
#endif

/* SSL_trace(3), which a build may leave out. */
#ifdef OPENSSL_NO_SSL_TRACE
#define TLS_CAN_TRACE 0
#define TLS_TRACE(...) ((void)0)
#else
#define TLS_CAN_TRACE 1
#define TLS_TRACE SSL_trace
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
