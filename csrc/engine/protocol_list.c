/*
** protocol_list: see protocol_list.h.
*/
#include "protocol_list.h"

#include <string.h>

size_t tls_protocols_good (struct tls_piece list) {
  struct tls_reader r = tls_reader_of(list);
  while (r.left > 0) {
    size_t start = list.size - r.left;
    struct tls_piece name = tls_read_vector(&r, 1);
    if (r.failed || name.size == 0)
      return start;
  }
  return list.size;
}

void tls_protocol_write (unsigned char *to, struct tls_piece name) {
  *to = (unsigned char)name.size;
  memcpy(to + 1, name.data, name.size);
}
