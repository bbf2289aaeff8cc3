/*
** ech: what became of Encrypted Client Hello (RFC 9849) in the first handshake
** of a connection.
*/
#ifndef tls_engine_ech_h
#define tls_engine_ech_h

#include <stddef.h>

enum tls_ech_status {
  TLS_ECH_NONE,     /* none was sent, or it is not known yet */
  TLS_ECH_GREASE,   /* client: it has only pretended */
  TLS_ECH_ACCEPTED, /* the inner ClientHello counts */
  TLS_ECH_REJECTED, /* the outer one counts; a server cannot tell this from
                       grease */
  TLS_ECH_BACKEND   /* server: an inner ClientHello has come without an outer
                       one, from a server in front */
};

struct tls_ech {
  enum tls_ech_status status;
  char *inner_name;     /* owned; or NULL */
  char *outer_name;     /* owned; or NULL */
  unsigned char *retry; /* owned; client: the ECHConfigList that the server
                           wants to be used instead, or NULL */
  size_t retry_size;
};

/* Free what it owns. */
void tls_ech_clear (struct tls_ech *ech);

#endif
