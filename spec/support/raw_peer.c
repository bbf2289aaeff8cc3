/*
** raw_peer: a TLS peer on OpenSSL alone, for what our own sockets never do. It
** ends with the connection. Certificates are named as in spec/support/certs.lua
** and read from DIR; "-" is none.
**
**   raw_peer client PORT VERSION DIR CERTS [BEHIND]
**   raw_peer server VERSION DIR CERTS [BEHIND]
**     CERTS, separated by commas: one for each handshake of a server, for each
**     time a client is asked for one; the last one stays.
**     BEHIND is sent right behind the Finished of each handshake but the first,
**     in the same segment, before anything of the peer's is read.
**     The client answers each message with "seen"; the server begins another
**     handshake at each. The server prints its port first.
**
**   raw_peer two-keys TICKET_PORT PORT IDENTITY LABEL
**     TLS 1.3 with TLS_AES_256_GCM_SHA384 alone: takes a ticket from a server,
**     then offers the other one a pre-shared key by its identity, which it
**     does not know and which belongs to SHA-256, and behind it that ticket.
**     LABEL, "ext binder" or "res binder", is what the ticket's binder is made
**     with: a ticket's is the latter (RFC 8446, 7.1), but a server on OpenSSL
**     3.0 wants the former when it has found a key before the ticket.
**
**   raw_peer one-record PORT IDENTITY
**     TLS 1.2 with PSK-AES128-GCM-SHA256 and the key of 32 bytes that is 1, 2,
**     3, 4 over and over. Behind the handshake it sends, in one segment, a
**     record with 64 letters A and one with a ClientHello and the
**     ClientKeyExchange that belongs to it, which needs nothing of the
**     server's: so the server asks for the key in the very SSL_read(3) that has
**     found the ClientHello. Then it reads until the server has had enough.
*/
#define _GNU_SOURCE /* RTLD_NEXT */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>

static const char *certs_dir;  /* borrowed from argv, as the next two */
static char *certs_left = "-"; /* those for the handshakes to come */
static const char *behind;     /* NULL: nothing */

static void die (const char *what) {
  printf("%s failed\n", what);
  ERR_print_errors_fp(stdout);
  exit(1);
}

static void say (const char *what, const char *more) {
  printf("%s %s\n", what, more);
  fflush(stdout);
}

/* === the road to the peer === */

static struct sockaddr_in local (int port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static int connect_to (int port) {
  struct sockaddr_in address = local(port);
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
    die("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static int accept_one (void) {
  struct sockaddr_in address = local(0);
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 1) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) != 0)
    die("listen");
  printf("PORT %d\n", ntohs(address.sin_port));
  fflush(stdout);
  int accepted = accept(fd, NULL, NULL);
  close(fd);
  setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return accepted;
}

/* === a certificate for each handshake, and data behind its end === */

static void show (SSL *ssl, const char *name) {
  char file[512];
  SSL_certs_clear(ssl);
  say("shows", name);
  if (strcmp(name, "-") == 0)
    return;
  snprintf(file, sizeof file, "%s/%s.crt", certs_dir, name);
  if (SSL_use_certificate_file(ssl, file, SSL_FILETYPE_PEM) != 1)
    die(file);
  snprintf(file, sizeof file, "%s/%s.key", certs_dir, name);
  if (SSL_use_PrivateKey_file(ssl, file, SSL_FILETYPE_PEM) != 1)
    die(file);
}

/* SSL_set_cert_cb(3): a certificate is wanted. */
static int on_certificate (SSL *ssl, void *arg) {
  char *comma = strchr(certs_left, ',');
  (void)arg;
  if (comma != NULL)
    *comma = '\0';
  show(ssl, certs_left);
  if (comma != NULL)
    certs_left = comma + 1;
  return 1;
}

/* Within a handshake SSL_write(3) does not wait for its end; the Finished is
** still in the buffer that this joins. */
static void on_message (int written, int version, int type, const void *data,
                        size_t size, SSL *ssl, void *arg) {
  static int handshakes;
  (void)version, (void)arg;
  if (!written || type != SSL3_RT_HANDSHAKE || size == 0 ||
      *(const unsigned char *)data != SSL3_MT_FINISHED)
    return;
  if (++handshakes > 1 && behind != NULL &&
      SSL_write(ssl, behind, (int)strlen(behind)) <= 0)
    die("SSL_write");
}

static SSL *peer_on (int fd, bool server, int version, char **more) {
  SSL_CTX *ctx =
      SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  int wire = version == 13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  certs_dir = more[0];
  certs_left = more[1];
  behind = more[2];
  SSL_CTX_set_min_proto_version(ctx, wire);
  SSL_CTX_set_max_proto_version(ctx, wire);
  SSL_CTX_set_post_handshake_auth(ctx, 1);
  SSL_CTX_set_cert_cb(ctx, on_certificate, NULL);
  SSL_CTX_set_msg_callback(ctx, on_message);
  SSL *ssl = SSL_new(ctx);
  SSL_set_fd(ssl, fd);
  SSL_CTX_free(ctx);
  return ssl;
}

static void answer (SSL *ssl, bool server) {
  if (!server) {
    SSL_write(ssl, "seen", 4);
    return;
  }
  SSL_set_options(ssl, SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
  if (SSL_renegotiate(ssl) != 1 || SSL_do_handshake(ssl) != 1)
    die("SSL_renegotiate");
}

static void talk (SSL *ssl, bool server) {
  char data[256];
  int n;
  if ((server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1)
    die("handshake");
  say("secure", SSL_get_version(ssl));
  while ((n = SSL_read(ssl, data, sizeof data - 1)) > 0) {
    data[n] = '\0';
    say("got", data);
    answer(ssl, server);
  }
  if (SSL_get_error(ssl, n) != SSL_ERROR_ZERO_RETURN)
    die("SSL_read");
  SSL_shutdown(ssl);
  say("ended", "well");
  close(SSL_get_fd(ssl));
  SSL_free(ssl);
}

/* === two keys in one ClientHello === */

static SSL_SESSION *ticket; /* owned: what the first server gave */
static char *binder_label;  /* borrowed; NULL: OpenSSL's own */

static int on_ticket (SSL *ssl, SSL_SESSION *session) {
  (void)ssl;
  SSL_SESSION_free(ticket);
  ticket = session;
  return 1;
}

/* OpenSSL offers what it takes for a ticket first, and what it takes for a
** pre-shared key behind it. The order is to be the other one: the identity is
** set as the ticket of a session, and the ticket is given as the identity of a
** key. That makes its binder with "ext binder", unless another label is put in
** here. libssl calls this function, since a program's functions go before those
** of its libraries. */
int EVP_KDF_derive (EVP_KDF_CTX *ctx, unsigned char *key, size_t size,
                    const OSSL_PARAM params[]) {
  int (*derive)(EVP_KDF_CTX *, unsigned char *, size_t, const OSSL_PARAM *);
  const OSSL_PARAM *label =
      OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_LABEL);
  OSSL_PARAM changed[16];
  size_t i;
  *(void **)&derive = dlsym(RTLD_NEXT, "EVP_KDF_derive");
  if (binder_label == NULL || label == NULL || label->data_size != 10 ||
      memcmp(label->data, "ext binder", 10) != 0)
    return derive(ctx, key, size, params);
  for (i = 0; i < 15 && params[i].key != NULL; i++) {
    changed[i] = params[i];
    if (&params[i] == label)
      changed[i].data = binder_label;
  }
  changed[i] = OSSL_PARAM_construct_end();
  return derive(ctx, key, size, changed);
}

/* SSL_CTX_set_psk_use_session_callback(3) */
static int on_key (SSL *ssl, const EVP_MD *md, const unsigned char **id,
                   size_t *size, SSL_SESSION **session) {
  (void)ssl, (void)md;
  SSL_SESSION_get0_ticket(ticket, id, size);
  *session = SSL_SESSION_dup(ticket);
  return *session != NULL;
}

/* A session of TLS 1.3 with TLS_AES_128_GCM_SHA256, a key of 32 zeros, and the
** identity as its ticket: the ASN.1 of d2i_SSL_SESSION(3). */
static SSL_SESSION *session_called (const char *name) {
  unsigned char der[256], *at = der + 2;
  size_t n = strlen(name);
  static const unsigned char head[] = {2, 1,    1, 2, 2, 3, 4, 4,
                                       2, 0x13, 1, 4, 0, 4, 32};
  if (n > 60)
    die("a shorter identity");
  memcpy(at, head, sizeof head);
  at += sizeof head;
  memset(at, 0, 32);
  at += 32;
  *at++ = 0xaa; /* [10] tlsext_tick */
  *at++ = (unsigned char)(n + 2);
  *at++ = 4;
  *at++ = (unsigned char)n;
  memcpy(at, name, n);
  at += n;
  der[0] = 0x30;
  der[1] = (unsigned char)(at - der - 2);
  const unsigned char *from = der;
  SSL_SESSION *session = d2i_SSL_SESSION(NULL, &from, at - der);
  if (session == NULL)
    die("d2i_SSL_SESSION");
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
  SSL_SESSION_set_time_ex(session, SSL_SESSION_get_time_ex(ticket));
#else
  SSL_SESSION_set_time(session, SSL_SESSION_get_time(ticket));
#endif
  SSL_SESSION_set_timeout(session, 7200);
  return session;
}

/* The name is in the ticket, which thereby has more than 256 bytes: OpenSSL
** asks for no key by an identity as long as that. */
static void set_long_name (SSL *ssl) {
  char name[252];
  size_t i;
  for (i = 0; i < sizeof name; i++)
    name[i] = i % 50 == 49 ? '.' : 'n';
  name[sizeof name - 1] = '\0';
  if (SSL_set_tlsext_host_name(ssl, name) != 1)
    die("SSL_set_tlsext_host_name");
}

static void visit (SSL_CTX *ctx, int port, SSL_SESSION *session) {
  char data[256];
  int n;
  SSL *ssl = SSL_new(ctx);
  int fd = connect_to(port);
  SSL_set_fd(ssl, fd);
  set_long_name(ssl);
  if (session != NULL && SSL_set_session(ssl, session) != 1)
    die("SSL_set_session");
  if (SSL_connect(ssl) != 1)
    die("handshake");
  say("secure", SSL_session_reused(ssl) ? "resumed" : "full");
  while ((n = SSL_read(ssl, data, sizeof data - 1)) > 0) {
    data[n] = '\0';
    say("got", data);
  }
  if (SSL_get_error(ssl, n) != SSL_ERROR_ZERO_RETURN)
    die("SSL_read");
  SSL_shutdown(ssl);
  SSL_free(ssl);
  close(fd);
}

static void two_keys (int ticket_port, int port, const char *name,
                      char *label) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384");
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
  SSL_CTX_sess_set_new_cb(ctx, on_ticket);
  visit(ctx, ticket_port, NULL);
  if (ticket == NULL)
    die("to get a ticket");
  SSL_CTX_sess_set_new_cb(ctx, NULL);
  SSL_CTX_set_psk_use_session_callback(ctx, on_key);
  SSL_SESSION *known = session_called(name);
  binder_label = label;
  visit(ctx, port, known);
  SSL_SESSION_free(known);
  SSL_SESSION_free(ticket);
  SSL_CTX_free(ctx);
}

/* === a handshake of two messages in one record === */

static char *identity; /* borrowed from argv */

/* SSL_CTX_set_psk_client_callback(3) */
static unsigned on_identity (SSL *ssl, const char *hint, char *name,
                             unsigned room, unsigned char *key, unsigned size) {
  unsigned i;
  (void)ssl, (void)hint;
  if (strlen(identity) >= room || size < 32)
    return 0;
  strcpy(name, identity);
  for (i = 0; i < 32; i++)
    key[i] = (unsigned char)(i % 4 + 1);
  return 32;
}

/* RFC 5246, 6.3; RFC 5288: two keys of 16 bytes, two salts of 4. */
static void derive_keys (SSL *ssl, unsigned char keys[40]) {
  unsigned char secret[48], ours[32], theirs[32];
  static char digest[] = "SHA256", label[] = "key expansion";
  SSL_SESSION_get_master_key(SSL_get_session(ssl), secret, sizeof secret);
  SSL_get_client_random(ssl, ours, sizeof ours);
  SSL_get_server_random(ssl, theirs, sizeof theirs);
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string("digest", digest, 0),
      OSSL_PARAM_construct_octet_string("secret", secret, sizeof secret),
      OSSL_PARAM_construct_octet_string("seed", label, sizeof label - 1),
      OSSL_PARAM_construct_octet_string("seed", theirs, sizeof theirs),
      OSSL_PARAM_construct_octet_string("seed", ours, sizeof ours),
      OSSL_PARAM_construct_end()};
  EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
  EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
  if (EVP_KDF_derive(ctx, keys, 40, params) != 1)
    die("EVP_KDF_derive");
  EVP_KDF_CTX_free(ctx);
  EVP_KDF_free(kdf);
}

/* Appends our record number 'seq'; the end of it is returned. */
static unsigned char *seal (const unsigned char keys[40], unsigned char seq,
                            unsigned char type, const unsigned char *data,
                            size_t n, unsigned char *to) {
  unsigned char nonce[12] = {0}, bound[13] = {0}; /* what is authenticated */
  size_t whole = 8 + n + 16;
  int size;
  memcpy(nonce, keys + 32, 4);
  nonce[11] = bound[7] = seq;
  bound[8] = to[0] = type;
  bound[9] = bound[10] = to[1] = to[2] = 3;
  bound[11] = (unsigned char)(n >> 8), bound[12] = (unsigned char)n;
  to[3] = (unsigned char)(whole >> 8), to[4] = (unsigned char)whole;
  memcpy(to + 5, nonce + 4, 8);
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  if (!EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, keys, nonce) ||
      !EVP_EncryptUpdate(ctx, NULL, &size, bound, sizeof bound) ||
      !EVP_EncryptUpdate(ctx, to + 13, &size, data, (int)n) ||
      !EVP_EncryptFinal_ex(ctx, to + 13 + n, &size) ||
      !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, to + 13 + n))
    die("AES");
  EVP_CIPHER_CTX_free(ctx);
  return to + 5 + whole;
}

static unsigned char *put (unsigned char *at, const void *data, size_t n) {
  memcpy(at, data, n);
  return at + n;
}

/* ClientHello and ClientKeyExchange; their size is returned. */
static size_t two_messages (SSL *ssl, unsigned char *to) {
  unsigned char finished[64], *at = to + 4, *extensions;
  unsigned char n = (unsigned char)SSL_get_finished(ssl, finished, 64);
  unsigned char name = (unsigned char)strlen(identity);
  at = put(at, "\3\3", 2);
  memset(at, 7, 32);
  at = put(at + 32, "\0\0\2\0\xa8\1\0", 7); /* that suite alone */
  extensions = at;
  at = put(at + 2, "\xff\1\0", 3); /* renegotiation_info (RFC 5746) */
  *at++ = n + 1, *at++ = n;
  at = put(at, finished, n);
  at = put(at, "\0\27\0\0", 4); /* extended_master_secret (RFC 7627) */
  extensions[0] = 0;
  extensions[1] = (unsigned char)(at - extensions - 2);
  to[0] = SSL3_MT_CLIENT_HELLO, to[1] = to[2] = 0;
  to[3] = (unsigned char)(at - to - 4);
  *at++ = SSL3_MT_CLIENT_KEY_EXCHANGE, *at++ = 0, *at++ = 0, *at++ = name + 2;
  *at++ = 0, *at++ = name;
  return (size_t)(put(at, identity, name) - to);
}

static void one_record (int port) {
  unsigned char keys[40], text[64], messages[512], out[1024], *end;
  SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(ctx, "PSK-AES128-GCM-SHA256");
#ifdef OPENSSL_NO_PSK
  (void)on_identity;
  die("pre-shared keys were left out of OpenSSL");
#else
  SSL_CTX_set_psk_client_callback(ctx, on_identity);
#endif
  SSL *ssl = SSL_new(ctx);
  int fd = connect_to(port);
  SSL_set_fd(ssl, fd);
  if (SSL_connect(ssl) != 1)
    die("handshake");
  derive_keys(ssl, keys);
  memset(text, 'A', sizeof text); /* the Finished was record 0 */
  end = seal(keys, 1, SSL3_RT_APPLICATION_DATA, text, sizeof text, out);
  size_t n = two_messages(ssl, messages);
  end = seal(keys, 2, SSL3_RT_HANDSHAKE, messages, n, end);
  if (write(fd, out, (size_t)(end - out)) != end - out)
    die("write");
  say("sent", "two records");
  while (read(fd, out, sizeof out) > 0)
    continue;
  close(fd);
  SSL_free(ssl);
  SSL_CTX_free(ctx);
}

int main (int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc == 4 && strcmp(argv[1], "one-record") == 0 &&
      strlen(argv[3]) < 100) {
    identity = argv[3];
    one_record(atoi(argv[2]));
    return 0;
  }
  if (argc == 6 && strcmp(argv[1], "two-keys") == 0 && strlen(argv[5]) == 10) {
    two_keys(atoi(argv[2]), atoi(argv[3]), argv[4], argv[5]);
    return 0;
  }
  bool server = argc > 1 && strcmp(argv[1], "server") == 0;
  char **more = argv + (server ? 3 : 4); /* argv ends with a NULL */
  if (more + 2 > argv + argc || more + 3 < argv + argc)
    die("to understand the arguments");
  int fd = server ? accept_one() : connect_to(atoi(argv[2]));
  talk(peer_on(fd, server, atoi(more[-1]), more), server);
  return 0;
}
