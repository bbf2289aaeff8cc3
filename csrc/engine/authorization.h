/*
** authorization: what follows from all that is known of the peer (peer.h): is
** it to be refused, what is the verdict, and is it authorized? The result of
** the chain becomes `socket.authorized` here and nowhere else.
*/
#ifndef tls_engine_authorization_h
#define tls_engine_authorization_h

#include "peer.h"

/* Why the peer is to be refused: an error of its chain, unless it is
** overridden, or a name that does not match. X509_V_OK when there is no
** reason. */
int tls_peer_fault (const struct tls_peer *peer);

/* Accept or refuse the peer of a finished handshake. A verdict stays. */
void tls_peer_set_verdict (struct tls_peer *peer, bool accepted, bool override);

/* Has the peer shown who it is, and was that accepted? NULL is nobody. */
bool tls_peer_authorized (const struct tls_peer *peer);

#endif
