/*
** ossl_compat: what newer releases of OpenSSL have and others lack, and what a
** build leaves out. Whether it is there is asked here alone, and whether it is
** OpenSSL at all.
*/
#ifndef tls_engine_ossl_compat_h
#define tls_engine_ossl_compat_h

#include <stdbool.h>
#include <stdlib.h>

#if defined(_WIN32)
#error tls runs on Unix alone: nobody has ported it to the handles of Windows
#endif

#include <openssl/crypto.h>

#if defined(OPENSSL_IS_AWSLC)
#error tls needs OpenSSL 3.0 or later, and these are headers of AWS-LC
#elif defined(OPENSSL_IS_BORINGSSL)
#error tls needs OpenSSL 3.0 or later, and these are headers of BoringSSL
#elif defined(LIBRESSL_VERSION_NUMBER)
#error tls needs OpenSSL 3.0 or later, and these are headers of LibreSSL
#elif OPENSSL_VERSION_NUMBER < 0x30000000L
#error tls needs OpenSSL 3.0 or later, and these are headers of an older one
#endif

#include <openssl/ssl.h>

/* === what there must be ================================================ */

#ifdef OPENSSL_NO_TLS1
#define TLS_HAS_TLS1 0
#else
#define TLS_HAS_TLS1 1
#endif

#ifdef OPENSSL_NO_TLS1_1
#define TLS_HAS_TLS1_1 0
#else
#define TLS_HAS_TLS1_1 1
#endif

#ifdef OPENSSL_NO_TLS1_2
#define TLS_HAS_TLS1_2 0
#else
#define TLS_HAS_TLS1_2 1
#endif

#ifdef OPENSSL_NO_TLS1_3
#define TLS_HAS_TLS1_3 0
#else
#define TLS_HAS_TLS1_3 1
#endif

#if !TLS_HAS_TLS1_2 && !TLS_HAS_TLS1_3
#error \
    "tls needs an OpenSSL with TLS 1.2 or 1.3: built without no-tls1_2 or no-tls1_3"
#endif
#ifndef OPENSSL_THREADS
#error "tls needs an OpenSSL with threads: built without no-threads"
#endif
#ifdef OPENSSL_NO_EC
#error "tls needs an OpenSSL with elliptic curves: built without no-ec"
#endif
#ifdef OPENSSL_NO_STDIO
#error "tls needs an OpenSSL that reads files: built without no-stdio"
#endif

/* === what newer releases have =========================================== */

/* Run a function before OpenSSL frees what it has; 4.0 leaves that to the end
** of the process. */
#if OPENSSL_VERSION_MAJOR >= 4
#define TLS_AT_EXIT(function) atexit(function)
#else
#define TLS_AT_EXIT(function) OPENSSL_atexit(function)
#endif

/* X509_STORE_get0_objects(3) is left out of a 4.0 that was built with
** no-deprecated, and its headers may still have it.
** What is in a store, for as long as no other thread changes it; NULL when
** there is no memory. To be given back by tls_ossl_release_objects(). */
static inline STACK_OF(X509_OBJECT) * tls_ossl_lock_objects(X509_STORE *store) {
#if OPENSSL_VERSION_MAJOR >= 4
  return X509_STORE_get1_objects(store);
#else
  return X509_STORE_lock(store) ? X509_STORE_get0_objects(store) : NULL;
#endif
}

static inline void tls_ossl_release_objects (X509_STORE *store,
                                             STACK_OF(X509_OBJECT) * objects) {
#if OPENSSL_VERSION_MAJOR >= 4
  (void)store;
  sk_X509_OBJECT_pop_free(objects, X509_OBJECT_free);
#else
  if (objects != NULL)
    X509_STORE_unlock(store);
#endif
}

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

/* Encrypted Client Hello (RFC 9849), since 4.0. */
#ifdef OSSL_ECH_CURRENT_VERSION
#define TLS_CAN_ECH 1
#define TLS_R_ECH_REQUIRED SSL_R_ECH_REQUIRED
#else
#define TLS_CAN_ECH 0
#define TLS_R_ECH_REQUIRED -1 /* no reason */
#endif

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
#define tls_ossl_server_type SSL_get_negotiated_server_cert_type
#define tls_ossl_client_type SSL_get_negotiated_client_cert_type
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
#define tls_ossl_server_type(ssl) TLS_CERT_TYPE_X509
#define tls_ossl_client_type(ssl) TLS_CERT_TYPE_X509
#endif

/* What a build may leave out, and what then stands in its place: nothing asks
** for these, since Lua refuses the options (core.leftOut). */

#ifdef OPENSSL_NO_SSL_TRACE
#define TLS_HAS_TRACE 0
#define TLS_TRACE(...) ((void)0)
#else
#define TLS_HAS_TRACE 1
#define TLS_TRACE SSL_trace
#endif

#ifdef OPENSSL_NO_PSK
#define TLS_HAS_PSK 0
#define PSK_MAX_IDENTITY_LEN 256
#define PSK_MAX_PSK_LEN 512
#define TLS_SET_PSK_SERVER(ssl, callback) ((void)(callback))
#define TLS_SET_PSK_CLIENT(ssl, callback) ((void)(callback))
#define TLS_SET_PSK_HINT(ssl, hint) 0
#else
#define TLS_HAS_PSK 1
#define TLS_SET_PSK_SERVER SSL_set_psk_server_callback
#define TLS_SET_PSK_CLIENT SSL_set_psk_client_callback
#define TLS_SET_PSK_HINT SSL_use_psk_identity_hint
#endif

#ifdef OPENSSL_NO_NEXTPROTONEG
#define TLS_HAS_NPN 0
#define TLS_SET_NPN_ADVERTISE(ctx, callback) ((void)(callback))
#define TLS_SET_NPN_SELECT(ctx, callback) ((void)(callback))
#define TLS_GET_NPN(ssl, data, size) ((void)(*(data) = NULL, *(size) = 0))
#else
#define TLS_HAS_NPN 1
#define TLS_SET_NPN_ADVERTISE(ctx, callback) \
  SSL_CTX_set_next_protos_advertised_cb(ctx, callback, NULL)
#define TLS_SET_NPN_SELECT(ctx, callback) \
  SSL_CTX_set_next_proto_select_cb(ctx, callback, NULL)
#define TLS_GET_NPN SSL_get0_next_proto_negotiated
#endif

/* ML-KEM's public keys are held with what is computed of them, 6 KiB. */
#if defined(NID_ML_KEM_768) && !defined(OPENSSL_NO_ML_KEM)
#define TLS_HAS_LARGE_SHARES 1
#else
#define TLS_HAS_LARGE_SHARES 0
#endif

#ifdef OPENSSL_NO_OCSP
#define TLS_HAS_OCSP 0
#else
#define TLS_HAS_OCSP 1
#endif

#ifdef OPENSSL_NO_DH
#define TLS_HAS_DH 0
#else
#define TLS_HAS_DH 1
#endif

#ifdef OPENSSL_NO_AUTOLOAD_CONFIG
#define TLS_READS_CONFIGURATION 0
#else
#define TLS_READS_CONFIGURATION 1
#endif

/* In a build with no-autoerrinit a program loads the texts of errors itself. */
static inline void tls_ossl_load_error_texts (void) {
#ifdef OPENSSL_NO_AUTOERRINIT
  OPENSSL_init_ssl(
      OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
#endif
}

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
