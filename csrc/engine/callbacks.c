/*
** callbacks: the table of callbacks that every connection needs, see
** callbacks.h.
*/
#include "callbacks.h"

#include "alpn.h"
#include "client_hello_callback.h"
#include "handshake_watch.h"
#include "ocsp_stapling.h"
#include "ossl_compat.h"
#include "sessions.h"
#include "verify_chain.h"

void tls_callbacks_install (SSL_CTX *ctx) {
  SSL_CTX_set_client_hello_cb(ctx, tls_on_client_hello, NULL);
  SSL_CTX_set_tlsext_servername_callback(ctx, tls_on_servername);
  SSL_CTX_set_alpn_select_cb(ctx, tls_on_alpn_select, NULL);
  TLS_SET_NPN_ADVERTISE(ctx, tls_on_npn_advertise);
  SSL_CTX_set_cert_verify_callback(ctx, tls_on_verify, NULL);
  SSL_CTX_set_tlsext_status_cb(ctx, tls_on_ocsp_status);
  SSL_CTX_sess_set_new_cb(ctx, tls_on_new_session);
  SSL_CTX_sess_set_get_cb(ctx, tls_on_get_session);
  SSL_CTX_set_session_ticket_cb(ctx, tls_on_ticket_made,
                                tls_on_ticket_decrypted, NULL);
  SSL_CTX_set_info_callback(ctx, tls_on_info);
}
