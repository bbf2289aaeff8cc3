/*
** conn_info: what one may ask a connection. Every method answers nil once the
** connection is closed, and before the handshake has settled the matter.
*/
#include <openssl/x509.h>

#include "box.h"
#include "conn_state.h"
#include "x509.h"

/* The SSL of an open connection at index 1, or NULL. Borrowed. */
static SSL *check_ssl (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  return c == NULL ? NULL : tls_engine_ssl(c->engine);
}

static void set_string (lua_State *L, const char *name, const char *value) {
  if (value == NULL)
    return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

/* 'TLSv1.3', ... */
static int get_protocol (lua_State *L) {
  SSL *ssl = check_ssl(L);
  if (ssl == NULL || !SSL_is_init_finished(ssl))
    return 0;
  lua_pushstring(L, SSL_get_version(ssl));
  return 1;
}

/* {name, standardName, version} */
static int get_cipher (lua_State *L) {
  SSL *ssl = check_ssl(L);
  const SSL_CIPHER *cipher = ssl == NULL ? NULL : SSL_get_current_cipher(ssl);
  if (cipher == NULL)
    return 0;
  lua_createtable(L, 0, 3);
  set_string(L, "name", SSL_CIPHER_get_name(cipher));
  set_string(L, "standardName", SSL_CIPHER_standard_name(cipher));
  set_string(L, "version", SSL_CIPHER_get_version(cipher));
  return 1;
}

/* The protocol agreed on, or false. */
static int get_alpn (lua_State *L) {
  SSL *ssl = check_ssl(L);
  const unsigned char *name;
  unsigned n;
  if (ssl == NULL)
    return 0;
  SSL_get0_alpn_selected(ssl, &name, &n);
  if (n == 0)
    lua_pushboolean(L, 0);
  else
    lua_pushlstring(L, (const char *)name, n);
  return 1;
}

/* The name asked for (SNI), or false. */
static int get_servername (lua_State *L) {
  SSL *ssl = check_ssl(L);
  if (ssl == NULL)
    return 0;
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == NULL)
    lua_pushboolean(L, 0);
  else
    lua_pushstring(L, name);
  return 1;
}

static int is_session_reused (lua_State *L) {
  SSL *ssl = check_ssl(L);
  if (ssl == NULL)
    return 0;
  lua_pushboolean(L, SSL_session_reused(ssl));
  return 1;
}

/* [-0, +1] */
static void push_key_info (lua_State *L, const EVP_PKEY *key) {
  char group[80];
  bool dh = EVP_PKEY_get_base_id(key) == EVP_PKEY_DH;
  lua_createtable(L, 0, 3);
  set_string(L, "type", dh ? "DH" : "ECDH");
  if (!dh && EVP_PKEY_get_group_name(key, group, sizeof group, NULL))
    set_string(L, "name", group);
  else if (!dh)
    set_string(L, "name", OBJ_nid2sn(EVP_PKEY_get_id(key)));
  lua_pushinteger(L, EVP_PKEY_get_bits(key));
  lua_setfield(L, -2, "size");
}

TLS_BOX_DROP(drop_key, EVP_PKEY, EVP_PKEY_free)

/* {type, name, size} of the peer's ephemeral key, {} when there was none, nil
** on a server. */
static int get_ephemeral_key_info (lua_State *L) {
  SSL *ssl = check_ssl(L);
  EVP_PKEY *key = NULL;
  if (ssl == NULL || SSL_is_server(ssl))
    return 0;
  struct tls_box *box = tls_box_push(L, drop_key);
  if (!SSL_get_peer_tmp_key(ssl, &key)) {
    lua_newtable(L);
    return 1;
  }
  box->p = key;
  push_key_info(L, key);
  tls_box_empty(box);
  return 1;
}

/* The group of the key exchange, on either side, or nil. */
static int get_group (lua_State *L) {
  SSL *ssl = check_ssl(L);
  int nid = ssl == NULL ? 0 : (int)SSL_get_negotiated_group(ssl);
  const char *name = NULL;
  if (nid != 0)
    name = SSL_group_to_name(ssl, nid);
  if (name == NULL)
    return 0;
  lua_pushstring(L, name);
  return 1;
}

/* nil when the chain of the peer verified, else code, message, depth. A peer
** without a certificate has not verified; Node's code for it is kept. */
static int get_verify_error (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  if (c == NULL)
    return 0;
  long error = tls_engine_verify_result(c->engine);
  if (tls_engine_peer(c->engine) == NULL)
    error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT;
  if (error == X509_V_OK)
    return 0;
  lua_pushstring(L, tls_verify_code(error));
  lua_pushstring(L, X509_verify_cert_error_string(error));
  lua_pushinteger(L, tls_engine_verify_depth(c->engine));
  return 3;
}

/* The peer's certificate as a table; with true, each with its issuer. {} when
** it sent none. */
static int get_peer_certificate (lua_State *L) {
  struct conn *c = tls_conn_check_open(L);
  if (c == NULL)
    return 0;
  X509 *leaf = tls_engine_peer(c->engine);
  if (leaf == NULL)
    lua_newtable(L);
  else if (lua_toboolean(L, 2))
    tls_x509_push_chain(L, leaf, tls_engine_peer_chain(c->engine),
                        tls_engine_store(c->engine));
  else
    tls_x509_push(L, leaf);
  return 1;
}

/* Our own certificate as a table, {} without one. */
static int get_certificate (lua_State *L) {
  SSL *ssl = check_ssl(L);
  if (ssl == NULL)
    return 0;
  X509 *cert = SSL_get_certificate(ssl); /* borrowed */
  if (cert == NULL)
    lua_newtable(L);
  else
    tls_x509_push(L, cert);
  return 1;
}

const luaL_Reg tls_conn_questions[] = {
    {"getProtocol", get_protocol},
    {"getCipher", get_cipher},
    {"getAlpn", get_alpn},
    {"getServername", get_servername},
    {"isSessionReused", is_session_reused},
    {"getEphemeralKeyInfo", get_ephemeral_key_info},
    {"getGroup", get_group},
    {"getVerifyError", get_verify_error},
    {"getPeerCertificate", get_peer_certificate},
    {"getCertificate", get_certificate},
    {NULL, NULL}};
