/*
** check: what the units of engine_test share: a count of checks, and of those
** that failed.
*/
#ifndef check_h
#define check_h

#include <stdio.h>

extern int checks, failures;

#define CHECK(condition)                                                      \
  do {                                                                        \
    checks++;                                                                 \
    if (!(condition)) {                                                       \
      failures++;                                                             \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                         \
  } while (0)

/* wire_test: what the engine reads from the wire, and writes to it. */
void test_wire (void);

/* threads_test: what must not happen while steps run on other threads. */
void test_threads (void);

#endif
