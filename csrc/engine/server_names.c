/*
** server_names: see server_names.h.
*/
#include "server_names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

struct name {
  unsigned char *text; /* owned; in lower case */
  size_t size;
  uint64_t added; /* the greatest was added last */
};

struct tls_server_names {
  uint32_t base;  /* of the hash; random, or somebody who may choose names for
                     a server could choose ones that collide */
  uint64_t added; /* how often add() was called */
  struct name *names; /* owned; by number - 1 */
  size_t count, room;
  size_t *cells;     /* owned; hash table with open addressing: numbers, 0 where
                        it is empty */
  size_t cell_count; /* a power of two; at most half of them are taken */
  size_t *patterns;  /* owned; numbers of the patterns that have to be tried one
                        after the other, last added last */
  size_t pattern_count, pattern_room;
};

/* === text ============================================================== */

/* ASCII alone, whatever the locale of the host program is. */
static unsigned char to_lower (unsigned char c) {
  return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : c;
}

static void copy_lower (unsigned char *to, struct tls_piece from) {
  size_t i;
  for (i = 0; i < from.size; i++)
    to[i] = to_lower(from.data[i]);
}

static bool equal (struct tls_piece a, const struct name *b) {
  return a.size == b->size && memcmp(a.data, b->text, a.size) == 0;
}

static bool has_star (const unsigned char *text, size_t size) {
  return memchr(text, '*', size) != NULL;
}

/* Is it a pattern that the hash table cannot find: neither an exact name nor
** "*.example.org"? */
static bool is_pattern (const struct name *name) {
  const unsigned char *text = name->text;
  bool first_label = name->size > 1 && text[0] == '*' && text[1] == '.';
  size_t skip = first_label ? 2 : 0;
  return has_star(text + skip, name->size - skip);
}

/* A dot of the pattern matches a dot of the name and nothing else, so labels
** match label by label. When what follows the last star of a label does not
** fit, the star takes one byte more and the rest is tried again; earlier stars
** need not change. At worst that costs the label's size times the
** pattern's. */
static bool matches (const struct name *pattern, struct tls_piece name) {
  const unsigned char *p = pattern->text, *p_end = p + pattern->size;
  const unsigned char *s = name.data, *s_end = s + name.size;
  const unsigned char *star = NULL;  /* the last one of this label */
  const unsigned char *taken = NULL; /* where what it stands for ends */
  while (s < s_end) {
    if (p < p_end && *p == '*') {
      star = p++;
      taken = s;
    } else if (p < p_end && *p == *s) {
      if (*s == '.')
        star = NULL;
      p++, s++;
    } else if (star != NULL && *taken != '.') {
      p = star + 1;
      s = ++taken;
    } else
      return false;
  }
  while (p < p_end && *p == '*')
    p++;
  return p == p_end;
}

/* === the hash table ==================================================== */

/* The text as digits of a number to a random base, modulo a prime: two names
** collide with a probability of their size in 2^32. */
static uint32_t hash_of (const struct tls_server_names *n,
                         struct tls_piece text) {
  const uint64_t prime = 4294967291u;
  uint64_t hash = 1;
  size_t i;
  for (i = 0; i < text.size; i++)
    hash = (hash * n->base + text.data[i] + 1) % prime;
  return (uint32_t)hash;
}

/* Where the name stands, or the empty cell where it would. */
static size_t *cell_of (const struct tls_server_names *n,
                        struct tls_piece text) {
  size_t mask = n->cell_count - 1, at = hash_of(n, text) & mask;
  while (n->cells[at] != 0 && !equal(text, &n->names[n->cells[at] - 1]))
    at = (at + 1) & mask;
  return &n->cells[at];
}

static bool grow_cells (struct tls_server_names *n) {
  size_t i, count = n->cell_count == 0 ? 16 : 2 * n->cell_count;
  size_t *cells = calloc(count, sizeof *cells);
  if (cells == NULL)
    return false;
  free(n->cells);
  n->cells = cells;
  n->cell_count = count;
  for (i = 0; i < n->count; i++) {
    struct tls_piece text = {n->names[i].text, n->names[i].size};
    *cell_of(n, text) = i + 1;
  }
  return true;
}

/* === adding ============================================================ */

/* Room for one more of 'size' bytes in an array. */
static bool make_room (void **array, size_t count, size_t *room, size_t size) {
  size_t more = *room == 0 ? 8 : 2 * *room;
  if (count < *room)
    return true;
  void *grown = realloc(*array, more * size);
  if (grown == NULL)
    return false;
  *array = grown;
  *room = more;
  return true;
}

static bool make_all_room (struct tls_server_names *n) {
  void *names = n->names, *patterns = n->patterns;
  bool ok = make_room(&names, n->count, &n->room, sizeof *n->names);
  n->names = names;
  ok = ok && make_room(&patterns, n->pattern_count, &n->pattern_room,
                       sizeof *n->patterns);
  n->patterns = patterns;
  return ok && (2 * (n->count + 1) <= n->cell_count || grow_cells(n));
}

/* Put it after all others, and take it from where it was. */
static void put_last (struct tls_server_names *n, size_t number, bool is_new) {
  size_t at = n->pattern_count;
  if (is_new) {
    n->patterns[n->pattern_count++] = number;
    return;
  }
  while (n->patterns[--at] != number)
    continue;
  memmove(n->patterns + at, n->patterns + at + 1,
          (n->pattern_count - at - 1) * sizeof *n->patterns);
  n->patterns[n->pattern_count - 1] = number;
}

/* The number of the name that 'fresh' is, or was already. */
static size_t enter (struct tls_server_names *n, struct name *fresh) {
  struct tls_piece text = {fresh->text, fresh->size};
  size_t *cell = cell_of(n, text);
  bool is_new = *cell == 0;
  if (is_new) {
    n->names[n->count++] = *fresh;
    *cell = n->count;
  } else {
    free(fresh->text);
    n->names[*cell - 1].added = fresh->added;
  }
  if (is_pattern(&n->names[*cell - 1]))
    put_last(n, *cell, is_new);
  return *cell;
}

size_t tls_server_names_add (struct tls_server_names *n,
                             struct tls_piece name) {
  struct name fresh = {malloc(name.size + 1), name.size, n->added + 1};
  if (fresh.text == NULL || !make_all_room(n)) {
    free(fresh.text);
    return 0;
  }
  copy_lower(fresh.text, name);
  n->added++;
  return enter(n, &fresh);
}

/* === finding =========================================================== */

static uint64_t added_at (const struct tls_server_names *n, size_t number) {
  return number == 0 ? 0 : n->names[number - 1].added;
}

static size_t later (const struct tls_server_names *n, size_t a, size_t b) {
  return added_at(n, a) >= added_at(n, b) ? a : b;
}

/* "*.example.org" for www.example.org. There is a byte before the text: where
** the first label is empty, the star stands there. */
static size_t find_parent (const struct tls_server_names *n,
                           unsigned char *text, size_t size) {
  unsigned char *dot = memchr(text, '.', size), kept;
  if (dot == NULL)
    return 0;
  struct tls_piece parent = {dot - 1, size + 1 - (size_t)(dot - text)};
  kept = dot[-1];
  dot[-1] = '*';
  size_t found = *cell_of(n, parent);
  dot[-1] = kept;
  return found;
}

static size_t find_pattern (const struct tls_server_names *n,
                            struct tls_piece text, size_t best) {
  size_t i;
  for (i = n->pattern_count; i > 0; i--) {
    size_t number = n->patterns[i - 1];
    if (added_at(n, number) < added_at(n, best))
      break;
    if (matches(&n->names[number - 1], text))
      return number;
  }
  return best;
}

size_t tls_server_names_find (const struct tls_server_names *n,
                              struct tls_piece asked) {
  unsigned char buffer[1 + TLS_SERVER_NAME_MAX], *text = buffer + 1;
  if (n->count == 0 || asked.size > TLS_SERVER_NAME_MAX)
    return 0;
  copy_lower(text, asked);
  buffer[0] = '*';
  struct tls_piece exact = {text, asked.size};
  size_t best = later(n, *cell_of(n, exact), find_parent(n, text, asked.size));
  return find_pattern(n, exact, best);
}

/* === lifetime ========================================================== */

struct tls_server_names *tls_server_names_new (void) {
  struct tls_server_names *n = calloc(1, sizeof *n);
  if (n == NULL)
    return NULL;
  if (RAND_bytes((unsigned char *)&n->base, sizeof n->base) == 1)
    return n;
  free(n);
  return NULL;
}

void tls_server_names_free (struct tls_server_names *n) {
  size_t i;
  if (n == NULL)
    return;
  for (i = 0; i < n->count; i++)
    free(n->names[i].text);
  free(n->names);
  free(n->cells);
  free(n->patterns);
  free(n);
}
