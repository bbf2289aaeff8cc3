/*
** read: decrypts records into plaintext while the gate is open.
*/
#ifndef tls_engine_read_h
#define tls_engine_read_h

#include "engine.h"

/* Decrypt into 'plain', at most 'room' bytes. Returns how many. Runs a
** later handshake as well. */
size_t tls_read_plaintext (struct tls_engine *e, char *plain, size_t room);

#endif
