/*
** threads: steps of handshakes that run on other threads, and what must not
** happen meanwhile. A step reads what belongs to its connection alone, and its
** context: ticket keys, staples, anchors, callbacks. So who changes a context
** stops the others first, and so does who wants an engine back.
**
** There is one lock in the process: many may make steps, or one may change
** something.
*/
#ifndef tls_engine_threads_h
#define tls_engine_threads_h

#include <stdbool.h>

/* From now on steps may run on other threads. False when the lock cannot be
** made, or the end of the process not be noticed. */
bool tls_threads_allow (void);

/* On another thread, around a step. False, and no step may run, once exit() has
** begun: OpenSSL takes its tables away then. */
bool tls_threads_enter (void);
void tls_threads_leave (void);

/* On a loop's thread: waits until no step runs elsewhere, and none begins
** before the second one. At most as long as a step takes. */
void tls_threads_stop (void);
void tls_threads_go_on (void);

#endif
