/*
** failure: records the error that has ended a connection. The first error
*counts
** for OpenSSL; nothing is called on a failed engine.
*/
#ifndef tls_failure_h
#define tls_failure_h

#include "engine.h"

/* OpenSSL has failed: its error queue, or what is known of the peer, says
** why. The queue is empty afterwards. */
void tls_engine_fail_ssl (struct tls_engine *e);

/* OpenSSL has done what its manual rules out: no data of it is believed. */
void tls_engine_fail_contract (struct tls_engine *e);

/* The transport has ended in the middle of the first handshake. */
void tls_engine_fail_cut_off (struct tls_engine *e);

void tls_engine_fail_memory (struct tls_engine *e);

#endif
