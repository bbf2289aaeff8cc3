/*
** wire_test: the engine's readers, each with nothing, with what is well-formed,
** with that cut off after every byte, and with lengths that lead past the end.
**
** All bytes stand at the end of a block of their own, so that a sanitizer sees
*a
** read past it.
*/
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "engine/byte_reader.h"
#include "engine/client_hello_fields.h"
#include "engine/protocol_list.h"
#include "engine/server_names.h"
#include "engine/session_tickets.h"

/* === pieces ============================================================ */

/* To be freed: drop(). */
static struct tls_piece copy_of (const void *bytes, size_t size) {
  unsigned char *block = malloc(1 + size);
  if (block == NULL)
    abort();
  memcpy(block + 1, bytes, size);
  struct tls_piece piece = {block + 1, size};
  return piece;
}

static void drop (struct tls_piece piece) {
  free((unsigned char *)piece.data - 1);
}

static bool is (struct tls_piece piece, const char *bytes, size_t size) {
  return piece.size == size &&
         (size == 0 || memcmp(piece.data, bytes, size) == 0);
}

#define IS(piece, literal) is(piece, literal, sizeof literal - 1)
#define COPY(literal) copy_of(literal, sizeof literal - 1)

/* === byte_reader ======================================================= */

static void test_numbers (void) {
  struct tls_piece bytes = COPY("\x01\xfe\xff\x07");
  struct tls_reader r = tls_reader_of(bytes);
  CHECK(tls_read_u8(&r) == 1 && tls_read_u16(&r) == 0xfeff);
  CHECK(!tls_reader_done(&r) && r.left == 1);
  CHECK(tls_read_u16(&r) == 0 && r.failed && r.left == 0);
  CHECK(tls_read_u8(&r) == 0 && tls_read_bytes(&r, 1).size == 0);
  CHECK(!tls_reader_done(&r)); /* it stays failed */
  drop(bytes);
}

static void test_nothing (void) {
  struct tls_piece none = {NULL, 0};
  struct tls_reader r = tls_reader_of(none);
  CHECK(tls_reader_done(&r));
  CHECK(tls_read_bytes(&r, 0).size == 0 && tls_reader_done(&r));
  CHECK(tls_read_u8(&r) == 0 && r.failed);
  r = tls_reader_of(none);
  CHECK(tls_read_vector(&r, 2).size == 0 && r.failed);
}

/* A vector of 'size' bytes that says it has 'length'. */
static void test_vector (size_t prefix, size_t length, size_t size) {
  unsigned char bytes[8] = {0, 0, 'a', 'b', 'c', 'd', 'e', 'f'};
  unsigned char *from = bytes + 2 - prefix;
  from[prefix - 1] = (unsigned char)length;
  struct tls_piece whole = copy_of(from, prefix + size);
  struct tls_reader r = tls_reader_of(whole);
  struct tls_piece body = tls_read_vector(&r, prefix);
  CHECK(is(body, "abcdef", length < size ? length : size));
  CHECK(r.failed == (length > size));
  CHECK(r.left == (length < size ? size - length : 0));
  drop(whole);
}

static void test_vectors (void) {
  size_t prefix, length, size;
  for (prefix = 1; prefix <= 2; prefix++)
    for (size = 0; size <= 6; size++)
      for (length = 0; length <= 255; length++)
        test_vector(prefix, length, size);
  struct tls_piece bytes = COPY("\xff\xff"
                                "ab");
  struct tls_reader r = tls_reader_of(bytes);
  CHECK(IS(tls_read_vector(&r, 2), "ab") && r.failed);
  drop(bytes);
}

/* === client_hello_fields =============================================== */

/* A ClientHello with one extension, or with none when 'type' is -1. */
static struct tls_client_hello_fields
fields_of (int type, struct tls_piece body, struct tls_piece id) {
  struct tls_client_hello hello = {0};
  struct tls_client_hello_fields fields;
  hello.session_id = id;
  hello.types = &type;
  hello.bodies = &body;
  hello.count = type >= 0;
  memset(&fields, 0xff, sizeof fields);
  tls_client_hello_read_fields(&hello, &fields);
  return fields;
}

static const struct tls_piece no_id = {NULL, 0};

static bool all_empty (const struct tls_client_hello_fields *f) {
  return f->server_name.size == 0 && f->protocols.size == 0 &&
         f->point_formats.size == 0 && f->versions.size == 0 &&
         f->groups.size == 0 && f->signature_algorithms.size == 0 &&
         !f->wants_ocsp;
}

/* An extension that is one list: whole, then cut off after each byte. */
static void test_list (int type, struct tls_piece body, size_t prefix,
                       size_t offset) {
  size_t n;
  for (n = 0; n <= body.size; n++) {
    struct tls_piece cut = copy_of(body.data, n);
    struct tls_client_hello_fields f = fields_of(type, cut, no_id);
    struct tls_piece list;
    memcpy(&list, (char *)&f + offset, sizeof list);
    CHECK(is(list, (const char *)body.data + prefix,
             n > prefix ? n - prefix : 0));
    drop(cut);
  }
}

static void test_lists (void) {
  size_t i;
  static const struct {
    int type;
    const char *body;
    size_t size, prefix, offset;
  } lists[] = {
#define LIST(type, bytes, prefix, field)  \
  {type, bytes, sizeof bytes - 1, prefix, \
   offsetof(struct tls_client_hello_fields, field)}
      LIST(TLSEXT_TYPE_supported_groups, "\0\4\0\x1d\0\x17", 2, groups),
      LIST(TLSEXT_TYPE_ec_point_formats, "\3\0\1\2", 1, point_formats),
      LIST(TLSEXT_TYPE_signature_algorithms, "\0\4\4\3\x08\4", 2,
           signature_algorithms),
      LIST(TLSEXT_TYPE_supported_versions, "\4\3\4\3\3", 1, versions),
      LIST(TLSEXT_TYPE_application_layer_protocol_negotiation, "\0\6\2h2\2h1",
           2, protocols),
#undef LIST
  };
  for (i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    struct tls_piece body = {(const unsigned char *)lists[i].body,
                             lists[i].size};
    test_list(lists[i].type, body, lists[i].prefix, lists[i].offset);
  }
  struct tls_client_hello_fields none = fields_of(-1, no_id, no_id);
  CHECK(all_empty(&none) && none.session_id.size == 0);
}

static void test_host_name (void) {
  size_t n;
  struct tls_piece name, whole = COPY("\0\7\0\0\4host");
  CHECK(tls_read_host_name(whole, &name) && IS(name, "host"));
  for (n = 0; n < whole.size; n++) {
    struct tls_piece cut = copy_of(whole.data, n);
    CHECK(!tls_read_host_name(cut, &name));
    CHECK(is(name, "host", n > 5 ? n - 5 : 0));
    drop(cut);
  }
  drop(whole);
}

static void test_bad_host_names (void) {
  size_t i;
  struct tls_piece name;
  static const struct {
    const char *body, *name;
    size_t size;
  } bad[] = {
      {"\0\7\1\0\4host", "", 9},       /* no host's name */
      {"\0\6\0\0\4host", "hos", 9},    /* the list ends inside of the name */
      {"\0\7\0\0\3host", "hos", 9},    /* something stands behind the name */
      {"\0\7\0\0\4host!", "host", 10}, /* and behind the list */
      {"\xff\xff\0\xff\xffhost", "host", 9},
  };
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct tls_piece body = copy_of(bad[i].body, bad[i].size);
    struct tls_client_hello_fields f;
    CHECK(!tls_read_host_name(body, &name));
    CHECK(is(name, bad[i].name, strlen(bad[i].name)));
    f = fields_of(TLSEXT_TYPE_server_name, body, no_id);
    CHECK(is(f.server_name, bad[i].name, strlen(bad[i].name)));
    drop(body);
  }
  struct tls_piece empty = COPY("\0\3\0\0\0");
  CHECK(tls_read_host_name(empty, &name) && name.size == 0);
  drop(empty);
}

/* An identity of 32 bytes is a stored session's, whose size 'length' claims. */
static void test_identity (unsigned char length, size_t size) {
  unsigned char body[4 + 64] = {0, 2 + 64, 0, 0};
  body[3] = length;
  memset(body + 4, 'i', 64);
  struct tls_piece piece = copy_of(body, 4 + size), id = COPY("made up");
  struct tls_client_hello_fields f = fields_of(TLSEXT_TYPE_psk, piece, id);
  size_t there = length < size ? length : size;
  CHECK(f.session_id.size == (there == 32 ? 32 : 0));
  drop(piece);
  drop(id);
}

static void test_session_id (void) {
  size_t size;
  struct tls_piece id = COPY("0123"), none = COPY(""), ticket = COPY("t");
  CHECK(IS(fields_of(-1, none, id).session_id, "0123"));
  CHECK(IS(fields_of(TLSEXT_TYPE_session_ticket, none, id).session_id, "0123"));
  CHECK(fields_of(TLSEXT_TYPE_session_ticket, ticket, id).session_id.size == 0);
  CHECK(fields_of(TLSEXT_TYPE_psk, none, id).session_id.size == 0);
  CHECK(fields_of(TLSEXT_TYPE_psk, ticket, id).session_id.size == 0);
  for (size = 0; size <= 64; size++) {
    test_identity(32, size);
    test_identity(64, size);
    test_identity((unsigned char)size, 64);
  }
  drop(id);
  drop(none);
  drop(ticket);
}

static void test_ocsp (void) {
  struct tls_piece asked = COPY("\1\0\0\0\0"), other = COPY("\2\1"),
                   none = COPY("");
  CHECK(fields_of(TLSEXT_TYPE_status_request, asked, no_id).wants_ocsp);
  CHECK(!fields_of(TLSEXT_TYPE_status_request, other, no_id).wants_ocsp);
  CHECK(!fields_of(TLSEXT_TYPE_status_request, none, no_id).wants_ocsp);
  drop(asked);
  drop(other);
  drop(none);
}

/* === protocol_list ===================================================== */

static void test_protocol_list (void) {
  size_t n;
  static const unsigned char list[] = "\2h2\x08http/1.1\1x";
  static const size_t ends[] = {0, 3, 12, 14};
  for (n = 0; n <= 14; n++) {
    struct tls_piece cut = copy_of(list, n);
    size_t good = tls_protocols_good(cut), last = 3;
    while (ends[last] > n)
      last--;
    CHECK(good == ends[last]);
    drop(cut);
  }
  struct tls_piece empty_name = COPY("\1a\0\1b");
  CHECK(tls_protocols_good(empty_name) == 2);
  drop(empty_name);
}

static void test_protocol_write (void) {
  size_t size;
  unsigned char name[TLS_PROTOCOL_MAX], out[1 + TLS_PROTOCOL_MAX];
  memset(name, 'n', sizeof name);
  for (size = 1; size <= sizeof name; size++) {
    struct tls_piece piece = {name, size}, wire = {out, size + 1};
    tls_protocol_write(out, piece);
    CHECK(out[0] == size && tls_protocols_good(wire) == size + 1);
  }
  CHECK(!tls_protocol_fits(0) && !tls_protocol_fits(TLS_PROTOCOL_MAX + 1));
}

/* === server_names ====================================================== */

static size_t add (struct tls_server_names *n, const char *name) {
  struct tls_piece piece = copy_of(name, strlen(name));
  size_t number = tls_server_names_add(n, piece);
  drop(piece); /* it has been copied */
  return number;
}

static size_t find (const struct tls_server_names *n, const char *name) {
  struct tls_piece piece = copy_of(name, strlen(name));
  size_t number = tls_server_names_find(n, piece);
  drop(piece);
  return number;
}

static void test_names (void) {
  struct tls_server_names *n = tls_server_names_new();
  CHECK(find(n, "a.test") == 0 && find(n, "") == 0);
  CHECK(add(n, "A.test") == 1 && find(n, "a.TEST") == 1);
  CHECK(add(n, "*.test") == 2 && find(n, "a.test") == 2);
  CHECK(add(n, "a.test") == 1 && find(n, "a.test") == 1);
  CHECK(find(n, ".test") == 2 && find(n, "b.a.test") == 0);
  CHECK(find(n, "test") == 0 && find(n, "*.test") == 2);
  CHECK(add(n, "w*.*") == 3 && find(n, "www.test") == 3);
  CHECK(add(n, "*.TEST") == 2 && find(n, "www.test") == 2);
  CHECK(find(n, "w.") == 3 && find(n, "w.b.c") == 0 && find(n, "w") == 0);
  CHECK(add(n, "*") == 4 && find(n, "") == 4 && find(n, "localhost") == 4);
  CHECK(add(n, "w*.*") == 3 && find(n, "www.test") == 3);
  CHECK(add(n, "") == 5 && find(n, "") == 5);
  tls_server_names_free(n);
  tls_server_names_free(NULL);
}

static void test_stars (void) {
  struct tls_server_names *n = tls_server_names_new();
  CHECK(add(n, "a*b*c.*x*") == 1);
  CHECK(find(n, "abc.x") == 1 && find(n, "a-bb-bc-c.--x--") == 1);
  CHECK(find(n, "ab.c.x") == 0 && find(n, "abc.") == 0);
  CHECK(find(n, "abcd.x") == 0 && find(n, "bc.x") == 0);
  CHECK(find(n, "a*b*c.*x*") == 1 && find(n, "abc.x.") == 0);
  tls_server_names_free(n);
}

/* Names of every length, up to those that are longer than any host's. */
static void test_long_names (void) {
  size_t size;
  char name[TLS_SERVER_NAME_MAX + 3], stars[2048];
  struct tls_server_names *n = tls_server_names_new();
  memset(name, 'x', sizeof name);
  for (size = 1; size < sizeof name; size++) {
    name[size] = '\0';
    size_t number = add(n, name);
    CHECK(number == size);
    CHECK(find(n, name) == (size <= TLS_SERVER_NAME_MAX ? number : 0));
    name[size] = 'x';
  }
  memset(stars, '*', sizeof stars);
  stars[sizeof stars - 1] = '\0';
  size_t number = add(n, stars);
  name[TLS_SERVER_NAME_MAX] = '\0';
  CHECK(find(n, name) == number && find(n, "y") == number);
  CHECK(find(n, "y.") == 0);
  tls_server_names_free(n);
}

static void test_many_names (void) {
  int i;
  char name[32];
  struct tls_server_names *n = tls_server_names_new();
  for (i = 1; i <= 5000; i++) {
    snprintf(name, sizeof name, i % 2 == 0 ? "host%d.test" : "*.%d.test", i);
    CHECK(add(n, name) == (size_t)i);
  }
  for (i = 1; i <= 5000; i++) {
    snprintf(name, sizeof name, i % 2 == 0 ? "HOST%d.test" : "www.%d.test", i);
    CHECK(find(n, name) == (size_t)i);
  }
  tls_server_names_free(n);
}

/* === session tickets =================================================== */

static void test_ticket_names (void) {
  size_t n;
  SSL_CTX *ctx = SSL_CTX_new(TLS_method());
  unsigned char keys[2 * TLS_TICKET_KEY_SIZE];
  memset(keys, 'a', TLS_TICKET_KEY_SIZE);
  memset(keys + TLS_TICKET_KEY_SIZE, 'b', TLS_TICKET_KEY_SIZE);
  CHECK(tls_ticket_keys_install(ctx) && tls_ticket_keys_set(ctx, keys, 2));
  CHECK(tls_ticket_keys_get(ctx, &n) != NULL && n == 2);
  for (n = 0; n <= 17; n++) { /* a key's name and what is sealed */
    struct tls_piece ticket = copy_of(keys + TLS_TICKET_KEY_SIZE, n);
    CHECK(tls_ticket_keys_match(ctx, ticket.data, ticket.size) == (n == 17));
    drop(ticket);
  }
  CHECK(!tls_ticket_keys_match(ctx, keys + TLS_TICKET_KEY_SIZE - 1, 17));
  SSL_CTX_free(ctx);
}

void test_wire (void) {
  test_numbers();
  test_nothing();
  test_vectors();
  test_lists();
  test_host_name();
  test_bad_host_names();
  test_session_id();
  test_ocsp();
  test_protocol_list();
  test_protocol_write();
  test_names();
  test_stars();
  test_long_names();
  test_many_names();
  test_ticket_names();
}
