/*
** credential_kind: what a text is that could not be loaded, for the error that
** says so. Used by lua/tls/options/credential_fault.lua alone, after a failure;
** none of these functions throws for bytes that it cannot read.
*/
#ifndef tls_credentials_credential_kind_h
#define tls_credentials_credential_kind_h

#include "lua/compat.h"

/* core.derKind(bytes) -> "certificate", "private key" and the like for what the
** bytes are in DER; nil when they are nothing that is known here. */
int tls_credential_der_kind (lua_State *L);

/* core.keyKind(text, passphrase) -> "RSA 2048", "EC P-256", "ED25519"; nil when
** the private key cannot be read. */
int tls_credential_key_kind (lua_State *L);

/* core.certificateKinds(pem) -> a table for each certificate in the text:
** 'subject', 'key' ("RSA 2048"), 'keyBits' and 'signatureBits' (of security,
** SSL_CTX_set_security_level(3)), 'signature' ("RSA-SHA1"). Some may be nil. */
int tls_credential_certificate_kinds (lua_State *L);

#endif
