/*
** read: decrypts records into plaintext, through an open gate only.
*/
#ifndef tls_read_h
#define tls_read_h

#include "engine.h"

/* Decrypt into 'plain', at most 'room' bytes; returns how many. Drives a later
** handshake as well. */
size_t tls_read_plain (struct tls_engine *e, char *plain, size_t room);

#endif
