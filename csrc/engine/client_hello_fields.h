/*
** client_hello_fields: reads what is inside a ClientHello: its extensions and
** their lists (RFC 8446, 4.1.2 and 4.2).
**
** A client may send any bytes. Whatever they are, they give fields: a list
** that is cut off or malformed is short or empty, and there are no errors.
** OpenSSL refuses such a ClientHello by itself when it comes to use it.
*/
#ifndef tls_engine_client_hello_fields_h
#define tls_engine_client_hello_fields_h

#include "client_hello.h"

/* All pieces are borrowed from the ClientHello. */
struct tls_client_hello_fields {
  struct tls_piece session_id;  /* what it wants to resume; empty: nothing that
                                   the server would have stored */
  struct tls_piece server_name; /* empty: none */
  struct tls_piece protocols;   /* of ALPN: names, each with its length */
  struct tls_piece point_formats; /* numbers of one byte */
  struct tls_piece versions, groups, signature_algorithms; /* of two bytes */
  bool wants_ocsp;
};

void tls_client_hello_read_fields (const struct tls_client_hello *hello,
                                   struct tls_client_hello_fields *fields);

/* The body of the extension 'type', or NULL when it was not sent. */
const struct tls_piece *
tls_client_hello_extension (const struct tls_client_hello *hello, int type);

/* The host name in the body of a server_name extension (RFC 6066, 3). False
** when it is malformed or has none; then 'name' is what there was of it. */
bool tls_read_host_name (struct tls_piece body, struct tls_piece *name);

#endif
