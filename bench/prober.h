/*
** prober: how long one quiet connection waits for an echo while others make
** work for the server.
*/
#ifndef bench_prober_h
#define bench_prober_h

#include <netinet/in.h>

#include <openssl/ssl.h>

/* A process of its own that sends 64 bytes every PROBE_MS from 'begin' on (s,
** of CLOCK_MONOTONIC), for 'seconds', and prints a line
**
**   probe COUNT P50 P99 P999 LONGEST     microseconds
**
** Each is sent when it is due, whether the one before it has come back or not,
** and counted from then. Returns its id. */
int prober_start (SSL_CTX *ctx, const struct sockaddr_in *address, double begin,
                  double seconds);

/* Waits for its end. */
void prober_join (int id);

#endif
