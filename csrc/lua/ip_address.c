/*
** ip_address: IP addresses as text, by inet_pton(3) and inet_ntop(3).
*/
#include "ip_address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* A zone names or numbers a network interface (RFC 4007, 11.2). */
static bool is_zone (const char *s) {
  if (*s == '\0')
    return false;
  for (; *s != '\0'; s++)
    if (!isalnum((unsigned char)*s) && strchr("-.:", *s) == NULL)
      return false;
  return true;
}

/* Copy the address without its zone to 'to'. False when it is too long for an
** address, or has a zone that is not allowed. */
static bool without_zone (const char *text, size_t n, char *to, size_t room) {
  const char *percent = memchr(text, '%', n);
  if (strlen(text) != n || (percent != NULL && !is_zone(percent + 1)))
    return false;
  if (percent != NULL)
    n = (size_t)(percent - text);
  if (n >= room)
    return false;
  memcpy(to, text, n);
  to[n] = '\0';
  return percent == NULL || strchr(to, ':') != NULL; /* IPv6 has zones */
}

int tls_ip_address (lua_State *L) {
  char address[INET6_ADDRSTRLEN], spelling[INET6_ADDRSTRLEN];
  unsigned char bytes[sizeof(struct in6_addr)];
  size_t n;
  if (lua_type(L, 1) != LUA_TSTRING)
    return 0;
  const char *text = lua_tolstring(L, 1, &n);
  if (!without_zone(text, n, address, sizeof address))
    return 0;
  int family = strchr(address, ':') == NULL ? AF_INET : AF_INET6;
  if (inet_pton(family, address, bytes) != 1 ||
      inet_ntop(family, bytes, spelling, sizeof spelling) == NULL)
    return 0;
  lua_pushstring(L, spelling);
  lua_pushinteger(L, family == AF_INET ? 4 : 6);
  return 2;
}
