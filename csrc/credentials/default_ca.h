/*
** trust: the certificates that are trusted when no 'ca' is given.
**
** The system's store is parsed once per process, when it is first needed, and
** shared by all contexts, also those of other Lua states on other threads: some
** 140 certificates are 2 MiB and 80 ms. It is never added to.
*/
#ifndef tls_default_ca_h
#define tls_default_ca_h

#include <stdbool.h>

#include <openssl/ssl.h>

#include "lua/compat.h"

/* The system's store, with the file that LUA_EXTRA_CA_CERTS names. Borrowed;
** it lives as long as the process. Throws when descriptors or memory are out;
** the next call tries again. */
X509_STORE *tls_default_ca_system (lua_State *L);

/* What setDefaultCACertificates put in its place in this Lua state, or NULL.
** Borrowed from the registry. */
X509_STORE *tls_default_ca_chosen (lua_State *L);

/* Add the content of 'from'. False when memory is out: some may be there. */
bool tls_store_add (X509_STORE *to, X509_STORE *from);

/* The default anchors are part of what 'ctx' verifies clients by. */
bool tls_default_ca_verifies (lua_State *L, SSL_CTX *ctx);

/* A store of one's own with the content of 'from'. NULL when memory is out. */
X509_STORE *tls_store_copy (X509_STORE *from);

/* core.setDefaultCertificates(pems): all of them, or it throws and nothing has
** changed. */
int tls_default_ca_set (lua_State *L);

/* core.readCertificates(text) -> sequence of PEM, one for each certificate in
** the text, all in the same form. Throws when there is none. */
int tls_default_ca_read (lua_State *L);

/* core.certificatePaths() -> file, folder: where OpenSSL looks for the system's
** certificates. */
int tls_default_ca_paths (lua_State *L);

void tls_default_ca_open (lua_State *L);

#endif
