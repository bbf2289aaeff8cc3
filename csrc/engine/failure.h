/*
** failure: notes why a connection has failed. The engine calls OpenSSL no more
** afterwards.
*/
#ifndef tls_engine_failure_h
#define tls_engine_failure_h

#include "engine.h"

/* OpenSSL has failed. Its error queue says why, or the result of verifying
** the peer; the queue is empty afterwards. */
void tls_engine_fail_ssl (struct tls_engine *e);

/* OpenSSL has done what its manual rules out. None of its data is used. */
void tls_engine_fail_contract (struct tls_engine *e);

/* The transport, or the peer by close_notify, has ended in the middle of the
** first handshake. */
void tls_engine_fail_cut_off (struct tls_engine *e);

/* A client's Encrypted Client Hello was not accepted. */
void tls_engine_fail_ech (struct tls_engine *e);

void tls_engine_fail_memory (struct tls_engine *e);

#endif
