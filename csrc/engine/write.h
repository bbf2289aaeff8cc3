/*
** write: encrypts plaintext into records, up to our close_notify.
*/
#ifndef tls_engine_write_h
#define tls_engine_write_h

#include "engine.h"

/* Send a close_notify that is due, unless something has to come first. */
void tls_write_close_notify (struct tls_engine *e);

#endif
