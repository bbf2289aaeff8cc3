/*
** promise: what a fuzzer holds the code to; a broken one ends the run.
*/
#ifndef tls_fuzz_promise_h
#define tls_fuzz_promise_h

#include <stdio.h>
#include <stdlib.h>

#define PROMISE(condition)                                            \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "line %d: broken: %s\n", __LINE__, #condition); \
      abort();                                                        \
    }                                                                 \
  } while (0)

#endif
