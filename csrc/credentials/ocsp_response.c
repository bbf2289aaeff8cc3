/*
** ocsp_response: what a server staples, see ocsp_response.h.
*/
#include "ocsp_response.h"

#include <limits.h>
#include <stdbool.h>

#include <openssl/opensslconf.h>

#include "text.h"

#ifdef OPENSSL_NO_OCSP

static bool is_response (struct tls_text der) {
  (void)der;
  return true;
}

#else

#include <openssl/err.h>
#include <openssl/ocsp.h>

static bool is_response (struct tls_text der) {
  const unsigned char *at = (const unsigned char *)der.data;
  const unsigned char *end = at + der.size;
  if (der.size > INT_MAX)
    return false;
  OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)der.size);
  OCSP_RESPONSE_free(response); /* NULL is allowed */
  ERR_clear_error();
  return response != NULL && at == end;
}

#endif

int tls_ocsp_response_is (lua_State *L) {
  lua_pushboolean(L, is_response(tls_text_check(L, 1)));
  return 1;
}
