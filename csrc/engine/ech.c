/*
** ech: see ech.h. What fills it in is in ech_client.c.
*/
#include "ech.h"

#include <string.h>

#include <openssl/crypto.h>

void tls_ech_clear (struct tls_ech *ech) {
  OPENSSL_free(ech->inner_name);
  OPENSSL_free(ech->outer_name);
  OPENSSL_free(ech->retry);
  memset(ech, 0, sizeof *ech);
}
