/*
** engine_fuzz: two engines shake hands while somebody in between changes,
** drops, repeats and invents bytes. For libFuzzer: `make fuzz`.
**
** The input is a header of two bytes and then steps, a letter and what it
** takes; see act(). That is why the seeds can be read. Whatever the bytes, the
** engine must hold what engine.h promises: see watch().
*/
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "engine/client_hello_fields.h"
#include "engine/engine.h"
#include "engine/callbacks.h"
#include "promise.h"

struct script {
  const uint8_t *at, *end;
};

struct side {
  struct tls_engine *engine;
  struct side *peer;
  bool server, approved, failed, ended;
  size_t written, read; /* plaintext: byte i of each stream is pattern(i) */
};

static struct tls_buffer_pool pool;
static BIO_METHOD *method;
static EVP_PKEY *key;
static X509 *cert;
static SSL_CTX *contexts[2][2]; /* [server][1.3] */

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* === what is there once ================================================ */

static void make_certificate (void) {
  key = EVP_EC_gen("P-256");
  cert = X509_new();
  X509_NAME *name = X509_NAME_new();
  X509_set_version(cert, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             (const unsigned char *)"localhost", -1, -1, 0);
  X509_set_subject_name(cert, name);
  X509_set_issuer_name(cert, name);
  X509_NAME_free(name);
  X509_set_pubkey(cert, key);
  if (!X509_sign(cert, key, EVP_sha256()))
    abort();
}

/* Both sides have the certificate, and trust it. */
static SSL_CTX *new_context (bool tls13) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_method());
  tls_callbacks_install(ctx);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(ctx, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
  SSL_CTX_set_max_proto_version(ctx, tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_use_certificate(ctx, cert);
  SSL_CTX_use_PrivateKey(ctx, key);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert);
  return ctx;
}

int LLVMFuzzerInitialize (int *argc, char ***argv) {
  (void)argc, (void)argv;
  int i;
  method = tls_record_bio_method();
  make_certificate();
  for (i = 0; i < 4; i++)
    contexts[i / 2][i % 2] = new_context(i % 2 != 0);
  ERR_clear_error();
  return 0;
}

/* === the script ======================================================== */

static unsigned next (struct script *s) {
  return s->at < s->end ? *s->at++ : 0;
}

static const uint8_t *take (struct script *s, size_t *n) {
  const uint8_t *from = s->at;
  if (*n > (size_t)(s->end - s->at))
    *n = (size_t)(s->end - s->at);
  s->at += *n;
  return from;
}

/* === what must hold ==================================================== */

static char pattern (size_t i) {
  return (char)(i * 31 + i / 251);
}

/* What came up is what the other side wrote, in order, and only behind an
** open gate; an error is told once and is the last; the queue of OpenSSL's
** errors is left empty. */
static void watch (struct side *s, unsigned events, const char *plain,
                   size_t got) {
  size_t i;
  PROMISE(got == 0 || s->approved);
  PROMISE(!s->failed || (events == 0 && got == 0));
  PROMISE(!s->ended || (events & TLS_EV_EOF) == 0);
  PROMISE(got <= s->peer->written - s->read);
  for (i = 0; i < got; i++)
    PROMISE(plain[i] == pattern(s->read + i));
  s->read += got;
  if ((events & TLS_EV_RENEGOTIATED) != 0) /* the gate is shut again */
    s->approved = false;
  s->ended = s->ended || (events & TLS_EV_EOF) != 0;
  s->failed = s->failed || (events & TLS_EV_ERROR) != 0;
  PROMISE(((events & TLS_EV_ERROR) != 0) <= tls_engine_failed(s->engine));
  if (s->failed)
    PROMISE(*tls_engine_error(s->engine)->code != '\0');
  PROMISE(ERR_peek_error() == 0);
}

static void run (struct side *s) {
  static char plain[1 << 16];
  size_t got;
  int turns = 0;
  do {
    unsigned events = tls_engine_step(s->engine, plain, sizeof plain, &got);
    watch(s, events, plain, got);
  } while (got == sizeof plain && ++turns < 100);
}

static void feed (struct side *s, const void *data, size_t n) {
  struct tls_records *records = tls_engine_records(s->engine);
  if (!tls_records_feed(records, data, n))
    abort();
  run(s);
  if (!tls_records_keep(records))
    abort();
}

/* === steps ============================================================= */

static void send (struct side *s, size_t n) {
  char data[4096];
  size_t i, done;
  for (i = 0; i < n; i++)
    data[i] = pattern(s->written + i);
  done = tls_engine_write(s->engine, data, n, 1 << 15);
  PROMISE(done <= n && (done == 0 || s->approved));
  s->written += done;
  PROMISE(ERR_peek_error() == 0);
}

/* 'n' bytes of what waits go to the other side. */
static void carry (struct side *from, size_t n) {
  struct tls_byte_queue *out = &tls_engine_records(from->engine)->out;
  size_t there = tls_byte_queue_size(out);
  if (n > there)
    n = there;
  if (n > 0)
    feed(from->peer, tls_byte_queue_peek(out), n);
  tls_byte_queue_consume(out, n);
}

/* The same, with a byte changed on the way, or twice, or not at all. */
static void tamper (struct side *from, size_t at, unsigned bits, size_t times) {
  struct tls_byte_queue *out = &tls_engine_records(from->engine)->out;
  size_t n = tls_byte_queue_size(out);
  if (n == 0)
    return;
  char *copy = malloc(n);
  memcpy(copy, tls_byte_queue_peek(out), n);
  copy[at % n] ^= (char)bits;
  while (times-- > 0)
    feed(from->peer, copy, n);
  tls_byte_queue_consume(out, n);
  free(copy);
}

/* What the client has sent is read, whatever it is. */
static void answer_client_hello (struct side *s) {
  const struct tls_client_hello_answer none = {0};
  struct tls_client_hello_fields fields;
  tls_client_hello_read_fields(tls_engine_client_hello(s->engine), &fields);
  PROMISE(fields.session_id.size <= 32);
  tls_engine_answer_client_hello(s->engine, &none);
}

static void answer (struct side *s, unsigned how) {
  if (tls_engine_client_hello_pending(s->engine))
    answer_client_hello(s);
  tls_engine_answer_verify(s->engine, tls_engine_generation(s->engine),
                           (how & 1) == 0, (how & 2) != 0);
  run(s);
}

static void approve (struct side *s) {
  if (!tls_engine_secure(s->engine))
    return;
  unsigned generation = tls_engine_generation(s->engine);
  tls_engine_set_verdict(s->engine, generation, true, false);
  s->approved = true; /* or refused by the engine: then nothing comes */
  tls_engine_approve(s->engine, generation);
  run(s);
}

/* All the way and back, with every question answered. */
static void exchange (struct side *a) {
  int i;
  for (i = 0; i < 6; i++) {
    carry(a, SIZE_MAX);
    answer(a->peer, 0);
    carry(a->peer, SIZE_MAX);
    answer(a, 0);
  }
}

static void take_all (struct side *s) {
  SSL_SESSION *session = tls_engine_take_session(s->engine);
  char *lines = tls_engine_take_keylog(s->engine);
  if (lines != NULL)
    OPENSSL_clear_free(lines, strlen(lines));
  SSL_SESSION_free(session);
}

static void again (struct side *s, unsigned how) {
  if (how % 2 == 0)
    tls_engine_update_keys(s->engine);
  else
    tls_engine_renegotiate(s->engine, true, how % 4 == 1);
  ERR_clear_error(); /* the caller's, who is told by false */
  run(s);
}

/* A capital is the server's, a small letter the client's. */
static void act (struct side *s, unsigned step, struct script *script) {
  size_t n, at;
  switch (step) {
    case 'x': exchange(s); return;
    case 'c': carry(s, next(script) + 1); return;
    case 'a': carry(s, SIZE_MAX); return;
    case 'f':
      at = next(script);
      at = at << 8 | next(script);
      tamper(s, at, next(script), 1);
      return;
    case 'r': tamper(s, 0, 0, 2); return;
    case 'd': tamper(s, 0, 0, 0); return;
    case 'i': /* invented bytes */
      n = next(script);
      feed(s, take(script, &n), n);
      return;
    case 'w': send(s, next(script) * 16 + 1); return;
    case 'q': answer(s, next(script)); return;
    case 'p': approve(s); return;
    case 's': tls_engine_shutdown(s->engine); return;
    case 'e':
      tls_engine_records(s->engine)->eof = true;
      run(s);
      return;
    case 'k': again(s, next(script)); return;
    case 't': take_all(s); return;
    default: run(s);
  }
}

static void start (struct side *s, struct side *peer, bool server,
                   unsigned version, unsigned asks) {
  struct tls_engine_options o = {0};
  memset(s, 0, sizeof *s);
  o.ctx = contexts[server][version & 1];
  o.method = method;
  o.pool = &pool;
  o.server = server;
  o.servername = server ? NULL : "localhost";
  o.alpn = (const unsigned char *)(server ? "\2h2\3foo" : "\3foo\2h2");
  o.alpn_size = 7;
  o.ask_client_hello = server && (asks & 1) != 0;
  o.request_cert = server && (asks & 2) != 0;
  o.ask_verify = (asks & 4) != 0;
  o.request_ocsp = !server && (asks & 8) != 0;
  o.want_sessions = o.want_keylog = (asks & 16) != 0;
  o.reject_unauthorized = (asks & 32) != 0;
  s->engine = tls_engine_new(&o);
  s->peer = peer;
  s->server = server;
  if (s->engine == NULL)
    abort();
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  struct script script = {data, data + size};
  struct side client, server;
  unsigned version = next(&script), asks = next(&script);
  start(&client, &server, false, version, asks);
  start(&server, &client, true, version >> 1, asks);
  run(&client);
  while (script.at < script.end) {
    unsigned step = next(&script);
    bool of_server = (step & 32) == 0; /* ASCII: a capital */
    act(of_server ? &server : &client, step | 32, &script);
  }
  tls_engine_free(client.engine);
  tls_engine_free(server.engine);
  PROMISE(ERR_peek_error() == 0);
  return 0;
}
