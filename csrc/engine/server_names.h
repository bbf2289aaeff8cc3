/*
** server_names: finds a server's context by the name that a client asks for.
**
** A name is a host's name or a pattern: '*' stands for any text without a
** dot, also an empty one. Case does not count. Each name has a number, from 1
** on, which it keeps when it is added again; the owner decides what the
** number stands for.
**
** Exact names and those of the form "*.example.org" are found by hash, at
** once however many there are; other patterns one after the other.
*/
#ifndef tls_engine_server_names_h
#define tls_engine_server_names_h

#include "byte_reader.h"

/* Longer names match nothing. A host's name has 253 bytes at most, and OpenSSL
** refuses a ClientHello that asks for one of more than 255. */
#define TLS_SERVER_NAME_MAX 255

struct tls_server_names;

/* NULL when there is no memory, or no randomness. */
struct tls_server_names *tls_server_names_new (void);
void tls_server_names_free (struct tls_server_names *names); /* or NULL */

/* The number of the name; 0 when there is no memory, and then nothing has
** changed. One that is added again counts as added last. */
size_t tls_server_names_add (struct tls_server_names *names,
                             struct tls_piece name);

/* The number of the one that was added last of those that match; 0 when none
** does. */
size_t tls_server_names_find (const struct tls_server_names *names,
                              struct tls_piece asked);

#endif
