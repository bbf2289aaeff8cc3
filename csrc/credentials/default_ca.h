/*
** default_ca: the CA certificates that are trusted when no 'ca' is given.
**
** The system's store is loaded once in a process, when it is first needed,
** and shared by all contexts, also those of Lua states on other threads: some
** 140 certificates take 2 MiB and 80 ms. Nothing is ever added to it. Used by
** secure_context.c.
*/
#ifndef tls_credentials_default_ca_h
#define tls_credentials_default_ca_h

#include <stdbool.h>

#include <openssl/ssl.h>

#include "lua/compat.h"

/* The system's store, with the file that LUA_EXTRA_CA_CERTS names. Borrowed
** from the process, which keeps it. Throws when there is no memory or
** no free descriptor; the next call tries again. */
X509_STORE *tls_default_ca_system (lua_State *L);

/* The store that setDefaultCACertificates has set in this Lua state, or NULL.
** Borrowed from the registry. */
X509_STORE *tls_default_ca_chosen (lua_State *L);

/* Add all certificates of 'from'. False when there is no memory: some may be
** there then. */
bool tls_default_ca_add_store (X509_STORE *to, X509_STORE *from);

/* Note in 'ctx' that it verifies clients by the default CA certificates, for
** the sessions that it makes: see session_context.h. False when there is no
** memory. */
bool tls_default_ca_verifies (lua_State *L, SSL_CTX *ctx);

/* A new store with all certificates of 'from'; the caller frees it. NULL when
** there is no memory. */
X509_STORE *tls_default_ca_copy_store (X509_STORE *from);

/* core.setDefaultCertificates(pems): all of them; or it throws, and nothing
** has changed. */
int tls_default_ca_set (lua_State *L);

/* core.readCertificates(text) -> sequence of PEM, one for each certificate in
** the text, all in the same form. -> nil, the error, when there is none. */
int tls_default_ca_read (lua_State *L);

/* core.certificatePaths() -> file, folder: where OpenSSL looks for the
** system's certificates. */
int tls_default_ca_paths (lua_State *L);

/* Register the metatable. [-0, +0] */
void tls_default_ca_open (lua_State *L);

#endif
