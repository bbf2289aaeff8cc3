/*
** wire_fuzz: what the engine reads from the wire and writes to it, each reader
** alone and with bytes of its own size. For libFuzzer: `make fuzz`.
**
** The first byte chooses the reader, the rest is for it: see readers[]. '0' is
** the first one, so that the seeds can be read.
*/
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "engine/byte_reader.h"
#include "engine/client_hello_fields.h"
#include "engine/protocol_list.h"
#include "engine/server_names.h"
#include "engine/session_tickets.h"
#include "promise.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* === the script ======================================================== */

/* At most 'n' bytes from the front, at the end of a block of their own, also
** when there are none. To be freed: drop(). */
static struct tls_piece cut (struct tls_reader *script, size_t n) {
  struct tls_piece from = tls_read_bytes(script, n);
  unsigned char *block = malloc(1 + from.size);
  if (block == NULL)
    abort();
  if (from.size > 0)
    memcpy(block + 1, from.data, from.size);
  struct tls_piece piece = {block + 1, from.size};
  return piece;
}

static void drop (struct tls_piece piece) {
  free((unsigned char *)piece.data - 1);
}

static bool is_within (struct tls_piece part, struct tls_piece whole) {
  return part.size == 0 || (part.data >= whole.data &&
                            part.data + part.size <= whole.data + whole.size);
}

/* === byte_reader ======================================================= */

/* What is read are the bytes in order, nothing twice, and nothing after it has
** failed. */
static void read_bytes (struct tls_reader *script) {
  struct tls_piece bytes = cut(script, tls_read_u8(script));
  struct tls_reader r = tls_reader_of(bytes);
  while (script->left > 0) {
    size_t before = r.left;
    unsigned step = tls_read_u8(script);
    bool failed = r.failed;
    struct tls_piece got = step % 3 == 0 ? tls_read_bytes(&r, step / 3)
                                         : tls_read_vector(&r, step % 3);
    PROMISE(is_within(got, bytes) && r.left + got.size <= before);
    PROMISE(!failed || (got.size == 0 && r.failed && r.left == 0));
    PROMISE(got.size == 0 ||
            got.data + got.size + r.left == bytes.data + bytes.size);
  }
  drop(bytes);
}

/* === client_hello_fields =============================================== */

#define MAX_EXTENSIONS 12

static void look_at (const struct tls_client_hello *hello,
                     struct tls_piece piece) {
  size_t i;
  bool within = piece.size == 0 || is_within(piece, hello->session_id);
  for (i = 0; i < hello->count && !within; i++)
    within = is_within(piece, hello->bodies[i]);
  PROMISE(within);
}

static void check_fields (const struct tls_client_hello *hello) {
  struct tls_client_hello_fields f;
  memset(&f, 0xff, sizeof f);
  tls_client_hello_read_fields(hello, &f);
  look_at(hello, f.session_id);
  look_at(hello, f.server_name);
  look_at(hello, f.protocols);
  look_at(hello, f.point_formats);
  look_at(hello, f.versions);
  look_at(hello, f.groups);
  look_at(hello, f.signature_algorithms);
  PROMISE(f.session_id.size <= 32);
}

static void check_host_name (struct tls_piece body) {
  struct tls_piece name;
  bool good = tls_read_host_name(body, &name);
  PROMISE(is_within(name, body));
  PROMISE(good <= (name.size + 5 == body.size));
}

static void read_fields (struct tls_reader *script) {
  static const int types[] = {0, 5, 10, 11, 13, 16, 35, 41, 43};
  int kinds[MAX_EXTENSIONS];
  struct tls_piece bodies[MAX_EXTENSIONS];
  struct tls_client_hello hello = {0};
  hello.types = kinds;
  hello.bodies = bodies;
  hello.session_id = cut(script, tls_read_u8(script) % 33);
  while (script->left > 0 && hello.count < MAX_EXTENSIONS) {
    kinds[hello.count] = types[tls_read_u8(script) % 9];
    bodies[hello.count++] = cut(script, tls_read_u8(script));
  }
  check_fields(&hello);
  drop(hello.session_id);
  while (hello.count > 0) {
    check_host_name(bodies[--hello.count]);
    drop(bodies[hello.count]);
  }
}

/* === protocol_list ===================================================== */

/* Write the names of a good list again. */
static void check_written (struct tls_piece list) {
  unsigned char wire[1 + TLS_PROTOCOL_MAX];
  struct tls_reader r = tls_reader_of(list);
  while (r.left > 0) {
    const unsigned char *from = r.at;
    struct tls_piece name = tls_read_vector(&r, 1);
    PROMISE(!r.failed && tls_protocol_fits(name.size));
    tls_protocol_write(wire, name);
    PROMISE(memcmp(wire, from, name.size + 1) == 0);
  }
}

static void read_protocols (struct tls_reader *script) {
  struct tls_piece list = cut(script, script->left);
  size_t good = tls_protocols_good(list);
  PROMISE(good <= list.size);
  if (good < list.size)
    PROMISE(list.data[good] == 0 || good + list.data[good] >= list.size);
  struct tls_piece prefix = {list.data, good};
  PROMISE(tls_protocols_good(prefix) == good);
  check_written(prefix);
  drop(list);
}

/* === server_names ====================================================== */

#define MAX_NAMES 32
#define SHORT 24 /* bytes of a name for slow_match(), at most */

static unsigned char lower (unsigned char c) {
  return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool same (struct tls_piece a, struct tls_piece b) {
  size_t i;
  for (i = 0; i < a.size && i < b.size; i++)
    if (lower(a.data[i]) != lower(b.data[i]))
      return false;
  return a.size == b.size;
}

/* By definition: a star is nothing, or a byte that is no dot and a star again.
** match[i][j]: the pattern from i on matches the name from j on. */
static bool slow_match (struct tls_piece pattern, struct tls_piece name) {
  bool match[SHORT + 1][SHORT + 1] = {{false}};
  size_t i, j;
  match[pattern.size][name.size] = true;
  for (i = pattern.size; i-- > 0;)
    for (j = name.size + 1; j-- > 0;) {
      bool more = j < name.size;
      if (pattern.data[i] == '*')
        match[i][j] =
            match[i + 1][j] || (more && name.data[j] != '.' && match[i][j + 1]);
      else
        match[i][j] = more && match[i + 1][j + 1] &&
                      lower(pattern.data[i]) == lower(name.data[j]);
    }
  return match[0][0];
}

struct added {
  struct tls_piece name; /* owned */
  size_t number, at;
};

static void check_added (struct added *list, size_t *count, size_t number,
                         struct tls_piece name, size_t at) {
  size_t i = 0;
  while (i < *count && !same(list[i].name, name))
    i++;
  PROMISE(number == (i < *count ? list[i].number : *count + 1));
  if (i < *count)
    drop(list[i].name);
  else
    ++*count;
  list[i].name = name;
  list[i].number = number;
  list[i].at = at;
}

static size_t slow_find (const struct added *list, size_t count,
                         struct tls_piece name) {
  size_t i;
  const struct added *best = NULL;
  for (i = 0; i < count; i++)
    if ((best == NULL || list[i].at > best->at) &&
        slow_match(list[i].name, name))
      best = &list[i];
  return best == NULL ? 0 : best->number;
}

static void find_names (struct tls_reader *script) {
  struct added list[MAX_NAMES];
  size_t count = 0, at = 0;
  struct tls_server_names *names = tls_server_names_new();
  while (script->left > 0 && count < MAX_NAMES) {
    unsigned step = tls_read_u8(script);
    struct tls_piece name = cut(script, step % SHORT);
    if (step >= 128) {
      PROMISE(tls_server_names_find(names, name) ==
              slow_find(list, count, name));
      drop(name);
    } else
      check_added(list, &count, tls_server_names_add(names, name), name, ++at);
  }
  while (count > 0)
    drop(list[--count].name);
  tls_server_names_free(names);
}

/* Names and patterns of any size: what is found here is too slow, or reads past
** the end. */
static void find_long_names (struct tls_reader *script) {
  struct tls_server_names *names = tls_server_names_new();
  while (script->left > 0) {
    unsigned size = tls_read_u16(script);
    struct tls_piece name = cut(script, size % 2048);
    size_t found = tls_server_names_find(names, name);
    PROMISE(found == 0 || name.size <= TLS_SERVER_NAME_MAX);
    if (size >= 32768)
      PROMISE(tls_server_names_add(names, name) > 0);
    drop(name);
  }
  tls_server_names_free(names);
}

/* === session tickets =================================================== */

static void read_ticket (struct tls_reader *script) {
  static SSL_CTX *ctx;
  size_t i, count = tls_read_u8(script) % 3 + 1;
  bool named = false;
  if (ctx == NULL && ((ctx = SSL_CTX_new(TLS_method())) == NULL ||
                      !tls_ticket_keys_install(ctx)))
    abort();
  struct tls_piece keys = cut(script, count * TLS_TICKET_KEY_SIZE);
  struct tls_piece ticket = cut(script, script->left);
  count = keys.size / TLS_TICKET_KEY_SIZE;
  PROMISE(tls_ticket_keys_set(ctx, keys.data, count));
  for (i = 0; i < count && ticket.size > 16; i++)
    named = named ||
            memcmp(keys.data + i * TLS_TICKET_KEY_SIZE, ticket.data, 16) == 0;
  PROMISE(tls_ticket_keys_match(ctx, ticket.data, ticket.size) == named);
  drop(keys);
  drop(ticket);
}

/* === ================================================================== */

static void (*const readers[])(struct tls_reader *script) = {
    read_bytes, read_fields,     read_protocols,
    find_names, find_long_names, read_ticket,
};

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  struct tls_piece input = {data, size};
  struct tls_reader script = tls_reader_of(input);
  unsigned chosen = tls_read_u8(&script);
  readers[chosen % (sizeof readers / sizeof readers[0])](&script);
  PROMISE(ERR_peek_error() == 0);
  return 0;
}
