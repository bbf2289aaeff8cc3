/*
** queries: what Lua may ask a connection. Methods of the metatable that
** methods.c makes. Each returns nil once the connection is closed, and before
** the handshake has settled the value; but isPsk, isRawKey and isAuthorized
** return false then, and getPeerNames an empty table.
*/
#include "queries.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "client_hello_table.h"
#include "connection.h"
#include "credentials/certificate_table.h"
#include "credentials/chain_fault.h"
#include "credentials/certificate_fields.h"
#include "credentials/names_table.h"
#include "credentials/public_keys.h"
#include "credentials/session_der.h"
#include "credentials/x509_certificate.h"
#include "engine/ocsp_answer.h"
#include "engine/verify_code.h"
#include "ech_table.h"
#include "failure_details.h"
#include "key_exchange.h"
#include "lua/lua_error.h"
#include "lua/owned_pointer.h"
#include "lua/table_fields.h"
#include "negotiated.h"

/* The SSL of an open connection at index 1, or NULL. Borrowed. */
static const SSL *check_ssl (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  return c == NULL ? NULL : tls_engine_ssl(c->engine);
}

/* -> "TLSv1.3", ... */
static int get_protocol (lua_State *L) {
  const SSL *ssl = check_ssl(L);
  if (ssl == NULL || !SSL_is_init_finished(ssl))
    return 0;
  lua_pushstring(L, SSL_get_version(ssl));
  return 1;
}

/* -> {name, standardName, version} */
static int get_cipher (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  const SSL_CIPHER *cipher = NULL;
  if (c != NULL && tls_engine_negotiated(c->engine))
    cipher = SSL_get_current_cipher(tls_engine_ssl(c->engine));
  if (cipher == NULL)
    return 0;
  lua_createtable(L, 0, 3);
  tls_set_string(L, "name", SSL_CIPHER_get_name(cipher));
  tls_set_string(L, "standardName", SSL_CIPHER_standard_name(cipher));
  tls_set_string(L, "version", SSL_CIPHER_get_version(cipher));
  return 1;
}

/* -> the name that the client has asked for (SNI), or false */
static int get_servername (lua_State *L) {
  const SSL *ssl = check_ssl(L);
  if (ssl == NULL)
    return 0;
  tls_connection_push_servername(L, ssl);
  return 1;
}

static int is_session_reused (lua_State *L) {
  const SSL *ssl = check_ssl(L);
  if (ssl == NULL)
    return 0;
  lua_pushboolean(L, SSL_session_reused(ssl));
  return 1;
}

/* -> nil when the peer's chain has verified; else code, message, the depth at
** which it failed and the subject of the certificate there. A peer without a
** certificate has not verified; the code for it is Node's. */
static int get_verify_error (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c == NULL)
    return 0;
  const struct tls_peer *peer = tls_engine_peer(c->engine);
  long error = peer->chain_result;
  if (!tls_peer_has_shown(peer))
    error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT;
  if (error == X509_V_OK)
    return 0;
  lua_pushstring(L, tls_verify_code(error));
  lua_pushstring(L, X509_verify_cert_error_string(error));
  lua_pushinteger(L, peer->chain_depth);
  X509 *refused = peer->failed_cert != NULL ? peer->failed_cert : peer->leaf;
  if (refused == NULL)
    return 3;
  tls_names_push_line(L, X509_get_subject_name(refused));
  return 4;
}

/* -> nil when what the server has stapled is good enough; else code, message */
static int get_ocsp_error (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  enum tls_ocsp_fault fault =
      c == NULL ? TLS_OCSP_OK : tls_engine_peer(c->engine)->ocsp_fault;
  if (fault == TLS_OCSP_OK)
    return 0;
  lua_pushstring(L, tls_ocsp_fault_code(fault));
  lua_pushstring(L, tls_ocsp_fault_message(fault));
  return 2;
}

/* -> when the peer's chain has not verified, what there is to say of the
** certificate that getVerifyError names: chain_fault.h has the fields, and
** 'sent' is how many certificates the peer has sent. nil without one. */
static int get_verify_fault (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c == NULL)
    return 0;
  struct tls_owned *cert = tls_owned_push(L, tls_free_certificate);
  struct tls_owned *crl = tls_owned_push(L, tls_free_crl);
  const struct tls_peer *peer = tls_engine_peer(c->engine);
  int sent = peer->chain_sent;
  cert->p = peer->failed_cert != NULL ? peer->failed_cert : peer->leaf;
  if (cert->p == NULL)
    return 0;
  X509_up_ref(cert->p);
  if (peer->failed_crl != NULL && X509_CRL_up_ref(peer->failed_crl))
    crl->p = peer->failed_crl;
  tls_chain_fault_push(L, cert->p, crl->p, tls_engine_trust_store(c->engine));
  tls_set_integer(L, "sent", sent);
  tls_owned_free(crl);
  tls_owned_free(cert);
  return 1;
}

/* In Node's words. */
static const char *signature_name (int nid) {
  switch (nid) {
    case EVP_PKEY_RSA: return "RSA";
    case EVP_PKEY_RSA_PSS: return "RSA-PSS";
    case EVP_PKEY_DSA: return "DSA";
    case EVP_PKEY_EC: return "ECDSA";
    case EVP_PKEY_ED25519: return "Ed25519";
    case EVP_PKEY_ED448: return "Ed448";
    default: return OBJ_nid2sn(nid);
  }
}

/* -> the algorithms that both ends can sign with, in the server's order:
** "RSA-PSS+SHA384" */
static int get_shared_sigalgs (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  int i, count, sign, hash;
  if (c == NULL)
    return 0;
  count = tls_engine_shared_sigalg(c->engine, 0, NULL, NULL);
  lua_newtable(L);
  for (i = 0; i < count; i++) {
    tls_engine_shared_sigalg(c->engine, i, &sign, &hash);
    lua_pushfstring(L, "%s+%s", signature_name(sign), OBJ_nid2sn(hash));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

typedef size_t (*finished_of)(const SSL *ssl, void *buf, size_t count);

/* -> the last Finished message, ours or the peer's; nil before there is one */
static int push_finished (lua_State *L, finished_of get) {
  char buf[EVP_MAX_MD_SIZE];
  const SSL *ssl = check_ssl(L);
  size_t n = ssl == NULL ? 0 : get(ssl, buf, sizeof buf);
  if (n == 0)
    return 0;
  lua_pushlstring(L, buf, n);
  return 1;
}

static int get_finished (lua_State *L) {
  return push_finished(L, SSL_get_finished);
}

static int get_peer_finished (lua_State *L) {
  return push_finished(L, SSL_get_peer_finished);
}

/* (length, label[, context]) -> bytes; RFC 5705 and RFC 8446, 7.5 */
static int export_keying_material (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  size_t size = (size_t)luaL_checkinteger(L, 2), label_size, context_size = 0;
  const char *label = luaL_checklstring(L, 3, &label_size);
  const char *context = luaL_optlstring(L, 4, NULL, &context_size);
  if (c == NULL)
    return 0;
  unsigned char *out = tls_push_buffer(L, size);
  if (!tls_engine_export_key(c->engine, out, size, label, label_size, context,
                             context_size))
    return tls_throw_openssl(L, "ERR_CRYPTO_OPERATION_FAILED",
                             "cannot export keying material");
  lua_pushlstring(L, (const char *)out, size);
  OPENSSL_cleanse(out, size);
  return 1;
}

/* ([detailed]) -> the peer's certificate as a table, with true each
** certificate with its issuer; {} when the peer sent none */
static int get_peer_certificate (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  if (c == NULL)
    return 0;
  X509 *leaf = tls_engine_peer(c->engine)->leaf;
  if (leaf == NULL)
    lua_newtable(L);
  else if (lua_toboolean(L, 2))
    tls_certificate_push_chain(L, leaf, tls_engine_peer_chain(c->engine),
                               tls_engine_trust_store(c->engine));
  else
    tls_certificate_push(L, leaf);
  return 1;
}

/* -> {subject, subjectaltname}: what a host name is compared with */
static int get_peer_names (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  X509 *leaf = c == NULL ? NULL : tls_engine_peer(c->engine)->leaf;
  lua_createtable(L, 0, 2);
  if (leaf == NULL)
    return 1;
  tls_names_push(L, X509_get_subject_name(leaf));
  lua_setfield(L, -2, "subject");
  tls_names_push_alternatives(L, leaf);
  lua_setfield(L, -2, "subjectaltname");
  ERR_clear_error();
  return 1;
}

/* -> the peer's public key in PEM, of its certificate or without one; nil when
** it has shown neither */
static int get_peer_public_key (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  const struct tls_peer *peer = c == NULL ? NULL : tls_engine_peer(c->engine);
  if (peer == NULL || !tls_peer_has_shown(peer))
    return 0;
  if (peer->raw_key != NULL)
    tls_public_key_push_pem(L, peer->raw_key);
  else
    tls_certificate_push_key_pem(L, peer->leaf);
  return 1;
}

/* -> has the peer shown a raw public key in place of a certificate? */
static int is_raw_key (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  lua_pushboolean(L, c != NULL && tls_engine_peer(c->engine)->raw_key != NULL);
  return 1;
}

/* -> our own certificate as a table; {} without one */
static int get_certificate (lua_State *L) {
  const SSL *ssl = check_ssl(L);
  if (ssl == NULL)
    return 0;
  X509 *cert = SSL_get_certificate(ssl); /* borrowed */
  if (cert == NULL)
    lua_newtable(L);
  else
    tls_certificate_push(L, cert);
  return 1;
}

/* -> our own certificate as an object; nil without one */
static int get_x509_certificate (lua_State *L) {
  const SSL *ssl = check_ssl(L);
  X509 *cert = ssl == NULL ? NULL : SSL_get_certificate(ssl); /* borrowed */
  if (cert == NULL)
    return 0;
  tls_x509_push(L, cert);
  return 1;
}

/* -> the peer's certificate as an object, and its issuers as far as it has
** sent them; nil when it sent none */
static int get_peer_x509_certificate (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  X509 *leaf = c == NULL ? NULL : tls_engine_peer(c->engine)->leaf;
  if (leaf == NULL)
    return 0;
  tls_x509_push_chain(L, leaf, tls_engine_peer_chain(c->engine));
  return 1;
}

/* -> the session in DER; nil before there is one */
static int get_session (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  SSL_SESSION *session = c == NULL ? NULL : tls_engine_session(c->engine);
  if (session == NULL)
    return 0;
  tls_session_der_push(L, session);
  return 1;
}

/* -> a client's ticket */
static int get_ticket (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  SSL_SESSION *session = c == NULL ? NULL : tls_engine_session(c->engine);
  const unsigned char *ticket = NULL;
  size_t n = 0;
  if (session == NULL || SSL_is_server(tls_engine_ssl(c->engine)))
    return 0;
  SSL_SESSION_get0_ticket(session, &ticket, &n);
  if (n == 0)
    return 0;
  lua_pushlstring(L, (const char *)ticket, n);
  return 1;
}

/* -> the ClientHello that the owner was asked about, a tls.ClientHello; nil
** once the gate is open */
static int get_client_hello (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  const struct tls_client_hello *hello =
      c == NULL ? NULL : tls_engine_client_hello(c->engine);
  if (hello == NULL)
    return 0;
  tls_client_hello_table_push(L, hello);
  return 1;
}

/* -> whether the server took a client's early data; nil when it sent none */
static int is_early_data_accepted (lua_State *L) {
  const SSL *ssl = check_ssl(L);
  int status =
      ssl == NULL ? SSL_EARLY_DATA_NOT_SENT : SSL_get_early_data_status(ssl);
  if (status == SSL_EARLY_DATA_NOT_SENT)
    return 0;
  lua_pushboolean(L, status == SSL_EARLY_DATA_ACCEPTED);
  return 1;
}

/* -> has a pre-shared key stood in for the peer's certificate? */
static int is_psk (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  lua_pushboolean(L, c != NULL && tls_engine_peer(c->engine)->authentication ==
                                      TLS_AUTHENTICATION_PSK);
  return 1;
}

/* -> has the peer shown who it is, and was that accepted? */
static int is_authorized (lua_State *L) {
  struct tls_connection *c = tls_connection_check_open(L);
  lua_pushboolean(L, c != NULL && tls_engine_authorized(c->engine));
  return 1;
}

static const luaL_Reg queries[] = {
    {"getClientHello", get_client_hello},
    {"getSession", get_session},
    {"getTLSTicket", get_ticket},
    {"isEarlyDataAccepted", is_early_data_accepted},
    {"isPsk", is_psk},
    {"isAuthorized", is_authorized},
    {"getSharedSigalgs", get_shared_sigalgs},
    {"getFinished", get_finished},
    {"getPeerFinished", get_peer_finished},
    {"exportKeyingMaterial", export_keying_material},
    {"getDhSize", tls_key_exchange_dh_size},
    {"getProtocol", get_protocol},
    {"getCipher", get_cipher},
    {"getServername", get_servername},
    {"isSessionReused", is_session_reused},
    {"getEphemeralKeyInfo", tls_key_exchange_info},
    {"getGroup", tls_key_exchange_group},
    {"getHandshakeRtt", tls_key_exchange_rtt},
    {"getEch", tls_ech_table},
    {"getVerifyError", get_verify_error},
    {"getOcspError", get_ocsp_error},
    {"getVerifyFault", get_verify_fault},
    {"getFailureDetails", tls_connection_failure_details},
    {"getPeerCertificate", get_peer_certificate},
    {"getPeerNames", get_peer_names},
    {"getPeerPublicKey", get_peer_public_key},
    {"isRawKey", is_raw_key},
    {"getCertificate", get_certificate},
    {"getX509Certificate", get_x509_certificate},
    {"getPeerX509Certificate", get_peer_x509_certificate},
    {NULL, NULL}};

static void let_go (void *connection) {
  struct tls_connection *c = connection;
  c->queries--;
  tls_connection_release(c);
}

enum { MOST_ARGUMENTS = 4 };

/* A query borrows from the engine while it makes Lua objects, and for those Lua
** may run a finalizer of the user's, which may close the connection: the
** engine stays until the query has returned. When it throws, the collector
** lets go: 'hold' is newer than the connection, so it is finalized before.
** Upvalues: the metatable, the query. */
static int ask (lua_State *L) {
  const luaL_Reg *query = lua_touserdata(L, lua_upvalueindex(2));
  struct tls_connection *c = tls_connection_check(L);
  if (tls_connection_is_closed(c))
    return query->func(L); /* borrows nothing */
  lua_settop(L, MOST_ARGUMENTS);
  struct tls_owned *hold = tls_owned_push(L, let_go);
  hold->p = c;
  c->queries++;
  int results = query->func(L);
  tls_owned_free(hold);
  return results;
}

void tls_connection_add_queries (lua_State *L) {
  const luaL_Reg *query;
  for (query = queries; query->name != NULL; query++) {
    lua_pushvalue(L, -2);
    lua_pushlightuserdata(L, (void *)query); /* Lua changes nothing in it */
    lua_pushcclosure(L, ask, 2);
    lua_setfield(L, -2, query->name);
  }
}
