/*
** text_encoding: bytes as text and back: hexadecimal digits and base64 (RFC
** 4648). Decoding is as lenient as Node's.
*/
#ifndef tls_lua_text_encoding_h
#define tls_lua_text_encoding_h

#include "compat.h"

/* core.encodeHex(bytes) -> digits, in lower case. */
int tls_text_encode_hex (lua_State *L);

/* core.decodeHex(text) -> bytes. Ends before the first pair that is not two
** digits. */
int tls_text_decode_hex (lua_State *L);

/* core.encodeBase64(bytes, url) -> text. With 'url' the alphabet is that of
** URLs, and nothing is padded. */
int tls_text_encode_base64 (lua_State *L);

/* core.decodeBase64(text) -> bytes. Takes both alphabets, skips what belongs
** to neither, and ends at the first '='. */
int tls_text_decode_base64 (lua_State *L);

#endif
