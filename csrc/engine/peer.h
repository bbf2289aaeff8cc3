/*
** peer: all that one handshake has found out about the peer. A record is made
** when a handshake begins, the first one or a later one, and replaces the one
** before it as a whole when that handshake has finished. So nothing that was
** true of an earlier handshake can count in a later one: a certificate that is
** not shown again, a key that was known for another identity, an exception
** that the user made. Plain C over OpenSSL.
*/
#ifndef tls_peer_h
#define tls_peer_h

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

/* How the peer has shown who it is. */
enum tls_authentication {
  TLS_AUTHENTICATION_NONE,        /* not at all */
  TLS_AUTHENTICATION_CERTIFICATE, /* in this handshake, or in the one it resumes
                                   */
  TLS_AUTHENTICATION_PSK          /* it knows the key that our callback named */
};

/* What is asked about the peer while its handshake is suspended (clients). */
enum tls_question {
  TLS_QUESTION_NONE, /* no certificate has come yet, or nobody is asked */
  TLS_QUESTION_OPEN, /* TLS_EV_VERIFY was set; no answer yet */
  TLS_QUESTION_ACCEPTED,
  TLS_QUESTION_REFUSED
};

/* What was made of a handshake that has finished. */
enum tls_verdict {
  TLS_VERDICT_PENDING, /* the gate is shut */
  TLS_VERDICT_ACCEPTED,
  TLS_VERDICT_REFUSED /* the connection may go on, the peer is a stranger */
};

struct tls_peer {
  unsigned generation; /* which of the connection's handshakes; never 0 */
  X509 *leaf;         /* shared; its certificate, also while that is verified */
  X509 *failed_cert;  /* shared; where its chain failed first, or NULL */
  long chain_result;  /* X509_V_OK, the last error, or _UNSPECIFIED before */
  int chain_depth;    /* where the first error was: 0 is the leaf; or -1 */
  uintptr_t psk_mark; /* of the session our key callback made, see engine_psk;
                         0 while it was not called */
  enum tls_authentication
      authentication; /* known once the handshake has finished */
  enum tls_question question;
  enum tls_verdict verdict;
  bool override;  /* the user accepts a chain that fails */
  bool finished;  /* the last message of the handshake has been read */
  bool gate_open; /* the gate is open for it */
};

/* NULL when memory is out. */
struct tls_peer *tls_peer_new (unsigned generation);
void tls_peer_free (struct tls_peer *peer); /* NULL is allowed */

/* Remember the certificate; takes a reference. NULL is allowed. */
void tls_peer_set_leaf (struct tls_peer *peer, X509 *leaf);

/* Remember an error of the chain: the last one counts, the first one says
** where. 'cert' gets a reference and may be NULL. */
void tls_peer_add_error (struct tls_peer *peer, long error, int depth,
                         X509 *cert);

/* Why the handshake is to be refused, X509_V_OK when it is not: a fault of the
** chain, or a name that does not fit. */
long tls_peer_fault (const struct tls_peer *peer);

/* Give the verdict on a finished handshake, once. */
void tls_peer_set_verdict (struct tls_peer *peer, bool accepted, bool override);

/* Has the peer shown who it is, and was that accepted? NULL is nobody. */
bool tls_peer_authorized (const struct tls_peer *peer);

#endif
