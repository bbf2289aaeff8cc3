/*
** text_encoding: hexadecimal digits and base64, see text_encoding.h. Each
** function writes to a userdata, which Lua frees, also when making the result
** throws. What it holds is plaintext: it is wiped when it has become a string.
*/
#include "text_encoding.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <openssl/crypto.h>

static const char DIGITS[] = "0123456789abcdef";

static const char ALPHABET[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char URL_ALPHABET[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Room for 'times' bytes for each of 'n', and a few. [-0, +1] */
static char *new_room (lua_State *L, size_t n, size_t times) {
  if (n > (SIZE_MAX - 8) / times)
    luaL_error(L, "string too long");
  return lua_newuserdata(L, n * times + 8);
}

/* Push the 'size' bytes at 'to' as a string. [-0, +1] */
static int push_result (lua_State *L, char *to, size_t size) {
  lua_pushlstring(L, to, size);
  OPENSSL_cleanse(to, size);
  return 1;
}

int tls_text_encode_hex (lua_State *L) {
  size_t n;
  const unsigned char *from = (const void *)luaL_checklstring(L, 1, &n);
  char *to = new_room(L, n, 2);
  for (size_t i = 0; i < n; i++) {
    to[2 * i] = DIGITS[from[i] >> 4];
    to[2 * i + 1] = DIGITS[from[i] & 15];
  }
  return push_result(L, to, 2 * n);
}

/* The value of a hexadecimal digit, or -1. */
static int digit_value (unsigned char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int tls_text_decode_hex (lua_State *L) {
  size_t n, size = 0;
  const unsigned char *from = (const void *)luaL_checklstring(L, 1, &n);
  char *to = new_room(L, n / 2, 1);
  for (; size < n / 2; size++) {
    int high = digit_value(from[2 * size]);
    int low = digit_value(from[2 * size + 1]);
    if (high < 0 || low < 0)
      break;
    to[size] = (char)(high << 4 | low);
  }
  return push_result(L, to, size);
}

/* Write the one or two bytes at the end. Returns how many characters. */
static size_t encode_rest (const unsigned char *from, size_t n,
                           const char *alphabet, bool pad, char *to) {
  unsigned second = n > 1 ? from[1] : 0;
  to[0] = alphabet[from[0] >> 2];
  to[1] = alphabet[(from[0] & 3) << 4 | second >> 4];
  to[2] = n > 1 ? alphabet[(second & 15) << 2] : '=';
  to[3] = '=';
  return pad ? 4 : n + 1;
}

int tls_text_encode_base64 (lua_State *L) {
  size_t n, size = 0;
  const unsigned char *from = (const void *)luaL_checklstring(L, 1, &n);
  bool url = lua_toboolean(L, 2);
  const char *alphabet = url ? URL_ALPHABET : ALPHABET;
  char *to = new_room(L, n / 3 + 1, 4);
  for (; n >= 3; n -= 3, from += 3) {
    to[size++] = alphabet[from[0] >> 2];
    to[size++] = alphabet[(from[0] & 3) << 4 | from[1] >> 4];
    to[size++] = alphabet[(from[1] & 15) << 2 | from[2] >> 6];
    to[size++] = alphabet[from[2] & 63];
  }
  if (n > 0)
    size += encode_rest(from, n, alphabet, !url, to + size);
  return push_result(L, to, size);
}

/* For each byte the value of that character in either alphabet, plus one; 0
** for what is in neither. */
static const unsigned char VALUES[UCHAR_MAX + 1] = {
    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    0,  0,  0,  0,  0,  63, 0,  63, 0,  64, 53, 54, 55, 56, 57, 58, 59, 60, 61,
    62, 0,  0,  0,  0,  0,  0,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
    12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 0,  0,  0,  0,
    64, 0,  27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 0,  0,  0,  0,  0,
};

int tls_text_decode_base64 (lua_State *L) {
  size_t n, size = 0;
  const unsigned char *from = (const void *)luaL_checklstring(L, 1, &n);
  char *to = new_room(L, n / 4 + 1, 3);
  uint32_t bits = 0;
  int held = 0; /* bits that are not written yet */
  for (size_t i = 0; i < n && from[i] != '='; i++) {
    if (VALUES[from[i]] == 0)
      continue;
    bits = bits << 6 | (VALUES[from[i]] - 1u);
    held += 6;
    if (held < 8)
      continue;
    held -= 8;
    to[size++] = (char)(bits >> held & 255);
  }
  return push_result(L, to, size);
}
