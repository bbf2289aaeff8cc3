/*
** peer: what one handshake has found out about the peer, see peer.h.
*/
#include "peer.h"

#include <stdlib.h>

#include <openssl/x509_vfy.h>

struct tls_peer *tls_peer_new (unsigned generation) {
  struct tls_peer *peer = calloc(1, sizeof *peer);
  if (peer == NULL)
    return NULL;
  peer->generation = generation;
  peer->chain_result = X509_V_ERR_UNSPECIFIED;
  peer->chain_depth = -1;
  return peer;
}

void tls_peer_free (struct tls_peer *peer) {
  if (peer == NULL)
    return;
  X509_free(peer->leaf); /* NULL is allowed */
  EVP_PKEY_free(peer->raw_key);
  X509_free(peer->failed_cert);
  X509_CRL_free(peer->failed_crl);
  free(peer);
}

void tls_peer_set_leaf (struct tls_peer *peer, X509 *leaf) {
  if (leaf == peer->leaf || (leaf != NULL && !X509_up_ref(leaf)))
    return;
  X509_free(peer->leaf);
  peer->leaf = leaf;
}

void tls_peer_set_raw_key (struct tls_peer *peer, EVP_PKEY *key) {
  if (key == peer->raw_key || (key != NULL && !EVP_PKEY_up_ref(key)))
    return;
  EVP_PKEY_free(peer->raw_key);
  peer->raw_key = key;
}

bool tls_peer_has_shown (const struct tls_peer *peer) {
  return peer->leaf != NULL || peer->raw_key != NULL;
}

static void set_failed (struct tls_peer *peer, X509 *cert, X509_CRL *crl) {
  X509_free(peer->failed_cert);
  X509_CRL_free(peer->failed_crl);
  peer->failed_cert = cert != NULL && X509_up_ref(cert) ? cert : NULL;
  peer->failed_crl = crl != NULL && X509_CRL_up_ref(crl) ? crl : NULL;
}

void tls_peer_add_error (struct tls_peer *peer, int error, int depth,
                         X509 *cert, X509_CRL *crl) {
  bool seen = peer->chain_depth >= 0 && peer->chain_result == error;
  peer->chain_result = error;
  if (seen)
    return;
  peer->chain_depth = depth;
  set_failed(peer, cert, crl);
}
