/*
** peer: all that one handshake has found out about the peer. One is made when
** a handshake begins, the first or a later one, and replaces the previous one
** as a whole when that handshake has finished. So nothing of an earlier
** handshake can count in a later one: a certificate that is not shown again, a
** key that was known for another identity, an override by the user. What
** follows from it, whether the peer is authorized, is decided in
** authorization.c.
*/
#ifndef tls_engine_peer_h
#define tls_engine_peer_h

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

/* How the peer has shown who it is. */
enum tls_authentication {
  TLS_AUTHENTICATION_NONE,
  TLS_AUTHENTICATION_CERTIFICATE, /* also in the session that is resumed */
  TLS_AUTHENTICATION_RAW_KEY,     /* the same; see raw_keys.h */
  TLS_AUTHENTICATION_PSK /* it knows the key that our callback has named */
};

/* What a client's owner is asked while the handshake is suspended: does the
** certificate belong to the server? */
enum tls_question {
  TLS_QUESTION_NONE, /* no certificate has come yet, or nobody is asked */
  TLS_QUESTION_OPEN, /* TLS_EV_VERIFY was set; no answer yet */
  TLS_QUESTION_ACCEPTED,
  TLS_QUESTION_REFUSED
};

/* What the owner has decided about the peer of a finished handshake. */
enum tls_verdict {
  TLS_VERDICT_PENDING, /* the gate is shut */
  TLS_VERDICT_ACCEPTED,
  TLS_VERDICT_REFUSED /* the connection may go on, without authorization */
};

struct tls_peer {
  unsigned generation;  /* which of the connection's handshakes; never 0 */
  X509 *leaf;           /* shared; its certificate, also while that is verified;
                           or NULL */
  EVP_PKEY *raw_key;    /* shared; what it shows instead of a certificate, or
                           NULL */
  X509 *failed_cert;    /* shared; where its chain has failed, or NULL */
  X509_CRL *failed_crl; /* shared; the list that says so, or NULL */
  int chain_result;     /* X509_V_OK or the last error, of its raw key, too;
                           before that, X509_V_ERR_UNSPECIFIED */
  int chain_depth;      /* of 'failed_cert': 0 is the leaf; -1 without one */
  int chain_sent;       /* how many certificates came, with the leaf; 0 when it
                           was not verified in this handshake */
  uintptr_t psk_mark;   /* of the session that our key callback made, see psk.c;
                           0 while it was not called */
  enum tls_authentication authentication : 8; /* known when it has finished */
  enum tls_question question : 8;
  enum tls_verdict verdict : 8;
  bool override;  /* the user accepts a chain that does not verify */
  bool finished;  /* the last message of the handshake has been read */
  bool gate_open; /* plaintext may pass, see engine.h */
  unsigned char ocsp_fault; /* enum tls_ocsp_fault; client: why what it has
                               stapled is not good enough; nobody overrides
                               that */
};

/* NULL when there is no memory. */
struct tls_peer *tls_peer_new (unsigned generation);
void tls_peer_free (struct tls_peer *peer); /* NULL is allowed */

/* Remember the certificate, or the raw key; takes a reference. NULL is
** allowed. */
void tls_peer_set_leaf (struct tls_peer *peer, X509 *leaf);
void tls_peer_set_raw_key (struct tls_peer *peer, EVP_PKEY *key);

/* Has it shown one of the two? */
bool tls_peer_has_shown (const struct tls_peer *peer);

/* Note an error of the chain: the last one counts as its result, and the first
** place where it was met as its place. 'cert' and 'crl' get a reference and may
** be NULL. */
void tls_peer_add_error (struct tls_peer *peer, int error, int depth,
                         X509 *cert, X509_CRL *crl);

#endif
