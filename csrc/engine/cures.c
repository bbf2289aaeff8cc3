/*
** cures: see cures.h. What depends on the connection is in
** lua/tls/handshake/explanation.lua.
*/
#include "cures.h"

#include <stddef.h>

#include <openssl/err.h>
#include <openssl/sslerr.h>

#define LEVEL                                                             \
  "; where it has to do, lower OpenSSL's security level by '@SECLEVEL=1'" \
  " (or 0) at the end of option 'ciphers'"

static const struct {
  int reason; /* of the library SSL */
  const char *text;
} cures[] = {
    {SSL_R_EE_KEY_TOO_SMALL,
     "the key of the certificate is too short, make one of 2048 bits (RSA) or"
     " more" LEVEL},
    {SSL_R_CA_KEY_TOO_SMALL,
     "the key of an issuer in the chain is too short" LEVEL},
    {SSL_R_CA_MD_TOO_WEAK,
     "a certificate of the chain is signed with a weak hash (MD5, SHA-1), have"
     " it issued anew with SHA-256" LEVEL},
    {SSL_R_UNKNOWN_CERTIFICATE_TYPE,
     "no key of this kind signs in TLS, as RSA, EC, Ed25519, Ed448 and (since"
     " OpenSSL 3.5) ML-DSA do"},
    {SSL_R_DH_KEY_TOO_SMALL,
     "the Diffie-Hellman parameters are too short, the server needs 2048 bits"
     " ('dhparam') or ECDHE" LEVEL},
    {SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED,
     "the peer lacks secure renegotiation (RFC 5746) and should be updated;"
     " 'secureOptions = 0x4' (SSL_OP_LEGACY_SERVER_CONNECT) connects to such a"
     " server, which somebody in between can make take his bytes for yours"
     " (CVE-2009-3555)"},
};

const char *tls_cure (unsigned long entry) {
  size_t i;
  for (i = 0; i < sizeof cures / sizeof *cures; i++)
    if (ERR_GET_LIB(entry) == ERR_LIB_SSL &&
        ERR_GET_REASON(entry) == cures[i].reason)
      return cures[i].text;
  return NULL;
}
