/*
** protocol_list: lists of protocol names as ALPN and NPN send them (RFC 7301,
** 3.1): each name is 1 to 255 bytes with its length in one byte in front.
*/
#ifndef tls_engine_protocol_list_h
#define tls_engine_protocol_list_h

#include "byte_reader.h"

#define TLS_PROTOCOL_MAX 255 /* bytes of a name */

static inline bool tls_protocol_fits (size_t size) {
  return size >= 1 && size <= TLS_PROTOCOL_MAX;
}

/* Where the first name begins that is empty or cut off; the list's size when
** all are good. OpenSSL relies on the lengths of the lists it is given. */
size_t tls_protocols_good (struct tls_piece list);

/* Write a name that fits, with its length in front, in name.size + 1 bytes. */
void tls_protocol_write (unsigned char *to, struct tls_piece name);

#endif
