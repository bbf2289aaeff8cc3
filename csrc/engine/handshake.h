/*
** handshake: runs the first handshake, and the early data (RFC 8446, 2.3)
** that a client sends with it.
*/
#ifndef tls_engine_handshake_h
#define tls_engine_handshake_h

#include "engine.h"

/* Go on with the first handshake as far as the records at hand allow. */
void tls_handshake_run (struct tls_engine *e);

/* Server: read early data into 'plain', at most 'room' bytes. Returns how
** many. When there is no more of it, the handshake can go on. */
size_t tls_handshake_read_early_data (struct tls_engine *e, char *plain,
                                      size_t room);

#endif
