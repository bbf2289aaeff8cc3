/*
** names_table: the names in a certificate, see names_table.h.
**
** The first half is plain C, which prints to a memory BIO. The second half
** calls Lua, which may throw: what it owns is held by userdata.
*/
#include "names_table.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "engine/openssl_error.h"
#include "lua/lua_error.h"
#include "lua/owned_pointer.h"

/* RFC 2253, but bytes above 127 and control characters stay as they are: they
** are escaped with the rest of the text. */
#define DIRECTORY_FLAGS \
  (XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB & ~ASN1_STRFLGS_ESC_CTRL)

/* One line for each part, as Node's X509Certificate gives a name. */
#define LINES_FLAGS                                                            \
  (ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_UTF8_CONVERT | \
   XN_FLAG_SEP_MULTILINE | XN_FLAG_FN_SN)

#define OID_SIZE 256

/* A part of a name that is to be printed. */
struct text {
  const unsigned char *data; /* borrowed from the certificate */
  size_t size;
  const char *prefix; /* part of the value, or NULL */
  bool utf8;          /* else Latin-1 */
};

static bool put (BIO *out, const void *data, size_t size) {
  return size == 0 || BIO_write(out, data, (int)size) == (int)size;
}

static bool put_string (BIO *out, const char *s) {
  return put(out, s, strlen(s));
}

static bool put_prefix (BIO *out, const struct text *t) {
  return t->prefix == NULL ||
         (put_string(out, t->prefix) && put_string(out, ":"));
}

static bool plain (unsigned char c, bool utf8) {
  return (c >= ' ' && c <= '~') || (utf8 && c >= 0x80);
}

/* Can the text stand in a list without quotes and mean only one thing? */
static bool unambiguous (const struct text *t) {
  size_t i;
  for (i = 0; i < t->size; i++) {
    unsigned char c = t->data[i];
    if (!plain(c, t->utf8) || strchr("\"\\,'", c) != NULL)
      return false;
  }
  return true;
}

/* A comma becomes \u002c, so that even code that splits at ", " is safe. */
static bool put_escaped (BIO *out, unsigned char c, bool utf8) {
  static const char hex[] = "0123456789abcdef";
  char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
  if (c == '\\' || c == '"') {
    escape[1] = (char)c;
    return put(out, escape, 2);
  }
  if (plain(c, utf8) && c != ',')
    return put(out, &c, 1);
  return put(out, escape, sizeof escape);
}

static bool put_quoted (BIO *out, const struct text *t) {
  size_t i;
  if (!put_string(out, "\"") || !put_prefix(out, t))
    return false;
  for (i = 0; i < t->size; i++)
    if (!put_escaped(out, t->data[i], t->utf8))
      return false;
  return put_string(out, "\"");
}

static bool put_text (BIO *out, const struct text *t, bool quote) {
  if (quote && !unambiguous(t))
    return put_quoted(out, t);
  return put_prefix(out, t) && put(out, t->data, t->size);
}

static bool put_asn1 (BIO *out, const ASN1_STRING *s, const char *prefix,
                      bool utf8, bool quote) {
  struct text t = {ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s),
                   prefix, utf8};
  return put_text(out, &t, quote);
}

/* For what OpenSSL cannot print, unless it has no memory. */
static bool put_invalid (BIO *out) {
  return !tls_error_drop_queue() && put_string(out, "<invalid>");
}

static bool put_directory (BIO *out, const X509_NAME *name, bool quote) {
  struct text t = {NULL, 0, NULL, true};
  char *data = NULL;
  BIO *memory = BIO_new(BIO_s_mem());
  bool ok = false;
  if (memory == NULL)
    return false;
  if (X509_NAME_print_ex(memory, name, 0, DIRECTORY_FLAGS) < 0) {
    ok = put_invalid(out);
  } else {
    long size = BIO_get_mem_data(memory, &data);
    t.data = (const unsigned char *)data;
    t.size = size > 0 ? (size_t)size : 0;
    ok = put_text(out, &t, quote);
  }
  BIO_free(memory);
  return ok;
}

static const char *othername_prefix (int nid) {
  switch (nid) {
    case NID_id_on_SmtpUTF8Mailbox: return "SmtpUTF8Mailbox";
    case NID_XmppAddr: return "XmppAddr";
    case NID_SRVName: return "SRVName";
    case NID_ms_upn: return "UPN";
    case NID_NAIRealm: return "NAIRealm";
    default: return NULL;
  }
}

static bool put_othername (BIO *out, const OTHERNAME *other, bool quote) {
  int nid = OBJ_obj2nid(other->type_id);
  bool utf8 = nid != NID_SRVName;
  int type = utf8 ? V_ASN1_UTF8STRING : V_ASN1_IA5STRING;
  const char *prefix = othername_prefix(nid);
  if (prefix == NULL || other->value == NULL || other->value->type != type)
    return put_string(out, "<unsupported>");
  return put_asn1(out, other->value->value.asn1_string, prefix, utf8, quote);
}

static bool put_address (BIO *out, const ASN1_OCTET_STRING *address) {
  const unsigned char *b = ASN1_STRING_get0_data(address);
  int size = ASN1_STRING_length(address);
  int i;
  if (size == 4)
    return BIO_printf(out, "%d.%d.%d.%d", b[0], b[1], b[2], b[3]) > 0;
  if (size != 16)
    return BIO_printf(out, "<invalid length=%d>", size) > 0;
  for (i = 0; i < 16; i += 2)
    if (BIO_printf(out, i == 0 ? "%X" : ":%X", b[i] << 8 | b[i + 1]) <= 0)
      return false;
  return true;
}

static bool put_oid (BIO *out, const ASN1_OBJECT *oid) {
  char text[OID_SIZE] = "";
  if (OBJ_obj2txt(text, sizeof text, oid, 1) < 0)
    return put_invalid(out);
  return put_string(out, text);
}

static const char *kind (int type) {
  switch (type) {
    case GEN_DNS: return "DNS:";
    case GEN_EMAIL: return "email:";
    case GEN_URI: return "URI:";
    case GEN_DIRNAME: return "DirName:";
    case GEN_OTHERNAME: return "othername:";
    case GEN_IPADD: return "IP Address:";
    case GEN_RID: return "Registered ID:";
    case GEN_X400: return "X400Name:";
    case GEN_EDIPARTY: return "EdiPartyName:";
    default: return "unknown:";
  }
}

/* False only when there is no memory: for what cannot be read there is a
** text. */
static bool put_general (BIO *out, const GENERAL_NAME *name, bool quote) {
  if (!put_string(out, kind(name->type)))
    return false;
  switch (name->type) {
    case GEN_DNS:
    case GEN_EMAIL:
    case GEN_URI: return put_asn1(out, name->d.ia5, NULL, false, quote);
    case GEN_DIRNAME: return put_directory(out, name->d.dirn, quote);
    case GEN_OTHERNAME: return put_othername(out, name->d.otherName, quote);
    case GEN_IPADD: return put_address(out, name->d.ip);
    case GEN_RID: return put_oid(out, name->d.rid);
    default: return put_string(out, "<unsupported>");
  }
}

static bool put_alternatives (BIO *out, const GENERAL_NAMES *names) {
  int count = sk_GENERAL_NAME_num(names);
  int i;
  for (i = 0; i < count; i++) {
    if (i > 0 && !put_string(out, ", "))
      return false;
    if (!put_general(out, sk_GENERAL_NAME_value(names, i), true))
      return false;
  }
  return true;
}

/* ---- from here on Lua may throw ---- */

static BIO *push_memory (lua_State *L) { /* [-0, +1] */
  struct tls_owned *owned = tls_owned_push(L, tls_free_bio);
  owned->p = BIO_new(BIO_s_mem());
  if (owned->p == NULL)
    tls_throw_memory(L);
  return owned->p;
}

static void push_content (lua_State *L, BIO *memory) { /* [-0, +1] */
  char *data = NULL;
  long size = BIO_get_mem_data(memory, &data);
  lua_pushlstring(L, size > 0 ? data : "", size > 0 ? (size_t)size : 0);
}

void tls_names_push_oid (lua_State *L, const ASN1_OBJECT *oid) {
  char text[OID_SIZE] = "";
  if (OBJ_obj2txt(text, sizeof text, oid, 1) < 0)
    tls_accept_failure(L);
  lua_pushstring(L, text);
}

static void push_type (lua_State *L, const ASN1_OBJECT *type) { /* [-0, +1] */
  int nid = OBJ_obj2nid(type);
  if (nid != NID_undef)
    lua_pushstring(L, OBJ_nid2sn(nid));
  else
    tls_names_push_oid(L, type);
}

/* A value that is not valid in its own type of string is given as its
** bytes. */
static void push_value (lua_State *L, struct tls_owned *owned,
                        const ASN1_STRING *value) { /* [-0, +1] */
  unsigned char *text = NULL;
  int size = ASN1_STRING_to_UTF8(&text, value);
  if (size < 0) {
    tls_accept_failure(L);
    lua_pushlstring(L, (const char *)ASN1_STRING_get0_data(value),
                    (size_t)ASN1_STRING_length(value));
    return;
  }
  owned->p = text;
  lua_pushlstring(L, (const char *)text, (size_t)size);
  tls_owned_free(owned);
}

/* t[key] = value, or the sequence of all values a key was given. Stack: key,
** value on top. [-2, +0] */
static void add_value (lua_State *L, int t) {
  lua_pushvalue(L, -2);
  lua_rawget(L, t);
  if (lua_istable(L, -1)) {
    lua_insert(L, -2);
    lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
    lua_pop(L, 2);
  } else if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_rawset(L, t);
  } else {
    lua_createtable(L, 2, 0);
    lua_insert(L, -3);
    lua_rawseti(L, -3, 1);
    lua_rawseti(L, -2, 2);
    lua_rawset(L, t);
  }
}

void tls_names_push (lua_State *L, const X509_NAME *name) {
  int count = X509_NAME_entry_count(name);
  struct tls_owned *owned;
  int t, i;
  lua_newtable(L);
  t = lua_gettop(L);
  owned = tls_owned_push(L, tls_free_memory);
  for (i = 0; i < count; i++) {
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
    push_type(L, X509_NAME_ENTRY_get_object(entry));
    push_value(L, owned, X509_NAME_ENTRY_get_data(entry));
    add_value(L, t);
  }
  lua_settop(L, t);
}

void tls_names_push_line (lua_State *L, const X509_NAME *name) {
  BIO *memory = push_memory(L);
  if (X509_NAME_print_ex(memory, name, 0, XN_FLAG_ONELINE) < 0)
    tls_throw_memory(L);
  push_content(L, memory);
  tls_owned_free(lua_touserdata(L, -2));
  lua_remove(L, -2);
}

void tls_names_push_lines (lua_State *L, const X509_NAME *name) {
  BIO *memory = push_memory(L);
  if (X509_NAME_print_ex(memory, name, 0, LINES_FLAGS) > 0)
    push_content(L, memory);
  else
    lua_pushnil(L);
  tls_owned_free(lua_touserdata(L, -2));
  lua_remove(L, -2);
  tls_accept_failure(L);
}

void tls_names_push_alternatives (lua_State *L, const X509 *cert) {
  int base = lua_gettop(L);
  struct tls_owned *owned = tls_owned_push(L, tls_free_general_names);
  BIO *memory;
  int found = 0;
  owned->p = X509_get_ext_d2i(cert, NID_subject_alt_name, &found, NULL);
  if (owned->p == NULL) { /* -1: absent; else twice there, or garbage */
    tls_accept_failure(L);
    lua_settop(L, base);
    if (found == -1)
      lua_pushnil(L);
    else
      lua_pushliteral(L, "<invalid>");
    return;
  }
  memory = push_memory(L);
  if (!put_alternatives(memory, owned->p))
    tls_throw_memory(L);
  push_content(L, memory);
  lua_replace(L, base + 1); /* what is above is freed now */
  tls_owned_free(lua_touserdata(L, base + 2));
  lua_settop(L, base + 1);
  tls_accept_failure(L);
}

static bool put_method (BIO *out, const ASN1_OBJECT *method) {
  char text[OID_SIZE] = "";
  if (i2t_ASN1_OBJECT(text, sizeof text, method) < 0 && tls_error_drop_queue())
    return false;
  return put_string(out, text) && put_string(out, " - ");
}

static bool put_access (BIO *out, const AUTHORITY_INFO_ACCESS *access) {
  int i;
  for (i = 0; i < sk_ACCESS_DESCRIPTION_num(access); i++) {
    const ACCESS_DESCRIPTION *desc = sk_ACCESS_DESCRIPTION_value(access, i);
    if ((i > 0 && !put_string(out, "\n")) || !put_method(out, desc->method) ||
        !put_general(out, desc->location, true))
      return false;
  }
  return true;
}

void tls_names_push_access_lines (lua_State *L, const X509 *cert) {
  struct tls_owned *owned = tls_owned_push(L, tls_free_access);
  BIO *memory = push_memory(L);
  owned->p = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
  if (owned->p == NULL)
    lua_pushnil(L);
  else if (!put_access(memory, owned->p))
    tls_throw_memory(L);
  else
    push_content(L, memory);
  tls_owned_free(lua_touserdata(L, -2));
  tls_owned_free(owned);
  lua_replace(L, -3);
  lua_pop(L, 1);
  tls_accept_failure(L);
}

/* "OCSP - URI:http://x" becomes key "OCSP - URI" and value "http://x".
** [-0, +2] */
static void push_description (lua_State *L, BIO *memory,
                              const ACCESS_DESCRIPTION *desc) {
  const char *colon;
  char *data = NULL;
  long size, method;
  (void)BIO_reset(memory);
  if (!put_method(memory, desc->method))
    tls_throw_memory(L);
  method = BIO_get_mem_data(memory, &data);
  if (!put_general(memory, desc->location, false))
    tls_throw_memory(L);
  size = BIO_get_mem_data(memory, &data);
  colon = memchr(data + method, ':', (size_t)(size - method));
  lua_pushlstring(L, data, (size_t)(colon - data)); /* kind() ends in one */
  lua_pushlstring(L, colon + 1, (size_t)(data + size - colon - 1));
}

/* Append to the sequence t[key]. Stack: key, value on top. [-2, +0] */
static void append_value (lua_State *L, int t) {
  lua_pushvalue(L, -2);
  lua_rawget(L, t);
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -3);
    lua_pushvalue(L, -2);
    lua_rawset(L, t);
  }
  lua_insert(L, -2);
  lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
  lua_pop(L, 2);
}

void tls_names_push_access (lua_State *L, const X509 *cert) {
  int t = lua_gettop(L) + 1;
  struct tls_owned *owned;
  const AUTHORITY_INFO_ACCESS *access;
  BIO *memory;
  int i;
  lua_newtable(L);
  owned = tls_owned_push(L, tls_free_access);
  access = owned->p = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
  if (access == NULL) {
    lua_pushnil(L);
    lua_replace(L, t);
  } else {
    memory = push_memory(L);
    for (i = 0; i < sk_ACCESS_DESCRIPTION_num(access); i++) {
      push_description(L, memory, sk_ACCESS_DESCRIPTION_value(access, i));
      append_value(L, t);
    }
    tls_owned_free(lua_touserdata(L, t + 2));
    tls_owned_free(owned);
  }
  lua_settop(L, t);
  tls_accept_failure(L);
}
