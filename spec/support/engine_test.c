/*
** engine_test: two engines shake hands in memory. No socket, no Lua, no libuv:
** the program is linked from the engine's own units alone.
*/
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "check.h"
#include "engine/blob.h"
#include "engine/callbacks.h"
#include "engine/authorization.h"
#include "engine/engine.h"
#include "engine/openssl_loaded.h"
#include "engine/verify_code.h"

int checks, failures;

static struct tls_buffer_pool pool;
static BIO_METHOD *method;
static EVP_PKEY *key;
static X509 *cert;

static void make_certificate (void) {
  key = EVP_EC_gen("P-256");
  cert = X509_new();
  X509_NAME *name = X509_NAME_new();
  X509_set_version(cert, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             (const unsigned char *)"localhost", -1, -1, 0);
  X509_set_subject_name(cert, name);
  X509_set_issuer_name(cert, name);
  X509_NAME_free(name);
  X509_set_pubkey(cert, key);
  if (!X509_sign(cert, key, EVP_sha256()))
    abort();
}

static SSL_CTX *new_context (bool server, int version, bool trusting) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_method());
  tls_callbacks_install(ctx);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(ctx, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
  SSL_CTX_set_max_proto_version(ctx, version);
  if (server) {
    SSL_CTX_use_certificate(ctx, cert);
    SSL_CTX_use_PrivateKey(ctx, key);
  } else if (trusting) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert);
  }
  return ctx;
}

struct side {
  struct tls_engine *engine;
  unsigned seen; /* all events so far */
  char plain[1 << 17];
  size_t got;
};

static struct side *new_side (bool server, int version, bool trusting) {
  struct side *s = calloc(1, sizeof *s);
  struct tls_engine_options o = {0};
  o.ctx = new_context(server, version, trusting);
  o.method = method;
  o.pool = &pool;
  o.server = server;
  o.servername = server ? NULL : "localhost";
  o.reject_unauthorized = true;
  o.alpn = (const unsigned char *)(server ? "\2h2\3foo" : "\3foo\2h2");
  o.alpn_size = 7;
  s->engine = tls_engine_new(&o);
  SSL_CTX_free(o.ctx); /* the engine has its own reference */
  return s;
}

static void free_side (struct side *s) {
  tls_engine_free(s->engine);
  free(s);
}

static unsigned run (struct side *s) {
  size_t got;
  unsigned events = tls_engine_step(s->engine, s->plain + s->got,
                                    sizeof s->plain - s->got, &got);
  s->got += got;
  s->seen |= events;
  return events;
}

/* Carry records from one to the other, 'piece' bytes at a time. */
static void carry (struct side *from, struct side *to, size_t piece) {
  struct tls_byte_queue *out = &tls_engine_records(from->engine)->out;
  while (tls_byte_queue_size(out) > 0) {
    size_t n =
        tls_byte_queue_size(out) < piece ? tls_byte_queue_size(out) : piece;
    tls_records_feed(tls_engine_records(to->engine), tls_byte_queue_peek(out),
                     n);
    run(to);
    tls_records_keep(tls_engine_records(to->engine));
    tls_byte_queue_consume(out, n);
  }
}

static void exchange (struct side *client, struct side *server, size_t piece) {
  int i;
  run(client);
  for (i = 0; i < 8; i++) {
    carry(client, server, piece);
    carry(server, client, piece);
  }
}

static void identify (struct side *s, bool accepted);

static void handshake (struct side *c, struct side *s, size_t piece) {
  exchange(c, s, piece);
  CHECK(c->seen == TLS_EV_VERIFY);
  CHECK(!tls_engine_secure(c->engine)); /* suspended in the handshake */
  CHECK(tls_engine_peer(c->engine)->leaf != NULL);
  identify(c, true);
  exchange(c, s, piece);
  CHECK(c->seen == (TLS_EV_VERIFY | TLS_EV_SECURE));
  CHECK(s->seen == TLS_EV_SECURE);
  CHECK(tls_engine_peer(c->engine)->chain_result == X509_V_OK);
}

/* The peer of the last handshake is accepted, or not, and let in. */
static void approve (struct side *s, bool accepted) {
  unsigned generation = tls_engine_generation(s->engine);
  tls_engine_set_verdict(s->engine, generation, accepted, false);
  tls_engine_approve(s->engine, generation);
}

static void identify (struct side *s, bool accepted) {
  unsigned generation = tls_engine_generation(s->engine);
  CHECK(!tls_engine_answer_verify(s->engine, generation + 1, true, true));
  CHECK(tls_engine_answer_verify(s->engine, generation, accepted, false));
}

static void test_gate (struct side *c, struct side *s) {
  CHECK(tls_engine_write(c->engine, "early", 5, 1 << 16) == 0);
  approve(c, true);
  CHECK(tls_engine_write(c->engine, "hello", 5, 1 << 16) == 5);
  exchange(c, s, 1 << 16);
  CHECK(s->got == 0); /* the server has not approved: nothing goes up */
  approve(s, false);
  run(s);
  CHECK(s->got == 5 && memcmp(s->plain, "hello", 5) == 0);
}

static void test_bounded_write (struct side *c, struct side *s) {
  static char big[100000];
  size_t limit = 1 << 15, done, out;
  memset(big, 'b', sizeof big);
  done = tls_engine_write(s->engine, big, sizeof big, limit);
  out = tls_byte_queue_size(&tls_engine_records(s->engine)->out);
  CHECK(done < sizeof big);
  CHECK(out >= limit && out < limit + 17000);
  while (done < sizeof big) {
    carry(s, c, 1 << 16);
    done += tls_engine_write(s->engine, big + done, sizeof big - done, limit);
  }
  carry(s, c, 1 << 16);
  CHECK(c->got == sizeof big && memcmp(c->plain, big, sizeof big) == 0);
}

static void test_shutdown (struct side *c, struct side *s) {
  tls_engine_shutdown(c->engine);
  tls_engine_shutdown(c->engine); /* once is enough */
  CHECK(tls_engine_write(c->engine, "late", 4, 1 << 16) == 0);
  carry(c, s, 1 << 16);
  CHECK((s->seen & TLS_EV_EOF) != 0 && !tls_engine_truncated(s->engine));
  CHECK(tls_engine_write(s->engine, "still", 5, 1 << 16) == 5);
  c->got = 0;
  carry(s, c, 1 << 16);
  CHECK(c->got == 5); /* half-closed: the other way is open */
}

static void test_connection (int version, size_t piece) {
  struct side *c = new_side(false, version, true);
  struct side *s = new_side(true, version, true);
  const unsigned char *alpn;
  unsigned n;
  handshake(c, s, piece);
  SSL_get0_alpn_selected(tls_engine_ssl(c->engine), &alpn, &n);
  CHECK(n == 2 && memcmp(alpn, "h2", 2) == 0); /* the server's order */
  test_gate(c, s);
  test_bounded_write(c, s);
  test_shutdown(c, s);
  free_side(c);
  free_side(s);
}

/* OpenSSL puts off a renegotiation that is asked for when a record has come
** in part: it begins behind that record, without another byte of the peer's. */
static void test_put_off (void) {
  struct side *c = new_side(false, TLS1_2_VERSION, true);
  struct side *s = new_side(true, TLS1_2_VERSION, false);
  struct tls_byte_queue *from = &tls_engine_records(c->engine)->out;
  struct tls_records *to = tls_engine_records(s->engine);
  handshake(c, s, 1 << 16);
  approve(c, true);
  approve(s, false);
  CHECK(tls_engine_write(c->engine, "one", 3, 1 << 16) == 3);
  CHECK(tls_engine_write(c->engine, "two", 3, 1 << 16) == 3);
  size_t first = tls_byte_queue_size(from) - 3;
  tls_records_feed(to, tls_byte_queue_peek(from), first);
  run(s);
  tls_records_keep(to);
  tls_byte_queue_consume(from, first);
  CHECK(s->got == 3);
  CHECK(tls_engine_renegotiate(s->engine, false, true));
  CHECK(tls_byte_queue_size(&to->out) == 0);
  carry(c, s, 1 << 16);
  CHECK(s->got == 6);
  CHECK(tls_byte_queue_size(&to->out) > 0); /* the HelloRequest */
  CHECK((s->seen & TLS_EV_RENEGOTIATED) == 0);
  c->seen = 0;
  exchange(c, s, 1 << 16);
  CHECK((c->seen & TLS_EV_VERIFY) != 0);
  identify(c, true);
  exchange(c, s, 1 << 16);
  CHECK((s->seen & TLS_EV_RENEGOTIATED) != 0);
  CHECK((c->seen & TLS_EV_RENEGOTIATED) != 0);
  free_side(c);
  free_side(s);
}

/* A client renegotiates and sends data right behind: the server does not see
** it before it has judged the new handshake, and answers to the old one do
** nothing. Whatever came is fed at once. */
static void test_gate_again (void) {
  struct side *c = new_side(false, TLS1_2_VERSION, true);
  struct side *s = new_side(true, TLS1_2_VERSION, false);
  handshake(c, s, 1 << 16);
  approve(c, true);
  approve(s, false);
  unsigned old = tls_engine_generation(s->engine);
  CHECK(tls_engine_authorized(c->engine));
  CHECK(!tls_engine_authorized(s->engine)); /* nobody was asked for */
  CHECK(tls_engine_renegotiate(c->engine, false, true));
  CHECK(!tls_engine_may_renegotiate(c->engine));
  CHECK(!tls_engine_renegotiate(c->engine, false, true));
  CHECK(tls_engine_write(c->engine, "x", 1, 1 << 16) == 0);
  CHECK(tls_engine_authorized(c->engine)); /* that handshake still counts */
  exchange(c, s, 1 << 16);
  CHECK((s->seen & TLS_EV_RENEGOTIATING) != 0);
  unsigned asked = tls_engine_generation(c->engine);
  CHECK(!tls_engine_set_verdict(c->engine, asked, true,
                                false)); /* not finished */
  identify(c, true);
  exchange(c, s, 1 << 16);
  CHECK((s->seen & TLS_EV_RENEGOTIATED) != 0);
  CHECK((c->seen & TLS_EV_RENEGOTIATED) != 0);
  CHECK(!tls_engine_authorized(c->engine));
  CHECK(tls_engine_write(c->engine, "x", 1, 1 << 16) == 0);
  approve(c, true);
  CHECK(tls_engine_authorized(c->engine));
  CHECK(tls_engine_write(c->engine, "new", 3, 1 << 16) == 3);
  exchange(c, s, 1 << 16);
  CHECK(s->got == 0);
  CHECK(!tls_engine_set_verdict(s->engine, old, true, true));
  tls_engine_approve(s->engine, old);
  run(s);
  CHECK(s->got == 0);
  approve(s, false);
  run(s);
  CHECK(s->got == 3 && memcmp(s->plain, "new", 3) == 0);
  free_side(c);
  free_side(s);
}

/* A peer that has to be authorized is not let in without. */
static void test_approve_needs_verdict (void) {
  struct side *c = new_side(false, TLS1_3_VERSION, true);
  struct side *s = new_side(true, TLS1_3_VERSION, true);
  handshake(c, s, 1 << 16);
  tls_engine_approve(c->engine, tls_engine_generation(c->engine));
  CHECK(!tls_engine_authorized(c->engine));
  CHECK(!tls_engine_writable(c->engine));
  free_side(c);
  free_side(s);
}

/* What no verdict can make true. */
static void test_record (void) {
  struct tls_peer *p = tls_peer_new(1);
  CHECK(!tls_peer_authorized(NULL) && !tls_peer_authorized(p));
  tls_peer_set_verdict(p, true, true);
  CHECK(!tls_peer_authorized(p)); /* neither certificate nor key */
  p->authentication = TLS_AUTHENTICATION_CERTIFICATE;
  CHECK(!tls_peer_authorized(p)); /* ... which nobody has seen */
  tls_peer_set_leaf(p, cert);
  CHECK(tls_peer_authorized(p)); /* an exception of the user's */
  p->override = false;
  CHECK(!tls_peer_authorized(p)); /* its chain was never looked at */
  p->chain_result = X509_V_OK;
  CHECK(tls_peer_authorized(p));
  tls_peer_set_verdict(p, false, false);
  CHECK(tls_peer_authorized(p)); /* a verdict is given once */
  p->question = TLS_QUESTION_REFUSED;
  CHECK(!tls_peer_authorized(p));
  CHECK(tls_peer_fault(p) == X509_V_ERR_HOSTNAME_MISMATCH);
  tls_peer_free(p);
}

/* Of several errors the last one counts, where it was met first. */
static void test_chain_errors (void) {
  struct tls_peer *p = tls_peer_new(1);
  p->chain_result = X509_V_OK;
  tls_peer_add_error(p, X509_V_ERR_CERT_REVOKED, 2, NULL, NULL);
  CHECK(p->chain_depth == 2 && p->failed_cert == NULL);
  tls_peer_add_error(p, X509_V_ERR_CERT_HAS_EXPIRED, 0, cert, NULL);
  tls_peer_add_error(p, X509_V_ERR_CERT_HAS_EXPIRED, 1, NULL, NULL);
  CHECK(p->chain_result == X509_V_ERR_CERT_HAS_EXPIRED);
  CHECK(p->chain_depth == 0 && p->failed_cert == cert);
  tls_peer_free(p);
  CHECK(strcmp(tls_verify_code(X509_V_ERR_CERT_REVOKED), "CERT_REVOKED") == 0);
  CHECK(strcmp(tls_verify_code(95), "RPK_UNTRUSTED") == 0);
  CHECK(strcmp(tls_verify_code(9999), "UNSPECIFIED") == 0);
  CHECK(strcmp(tls_verify_code(-1), "UNSPECIFIED") == 0);
}

/* While it reads by records, OpenSSL gets one at a time, however it asks. */
static void test_by_record (void) {
  static const char two[] = "\x17\3\3\0\2ab\x17\3\3\0\0\x17\3\3\0\1c";
  struct tls_records records;
  char got[32];
  size_t n = 0;
  tls_records_init(&records, &pool);
  BIO *bio = tls_record_bio_new(method, &records);
  tls_records_one_at_a_time(&records, true);
  tls_records_feed(&records, two, sizeof two - 1);
  CHECK(!BIO_read_ex(bio, got, 5, &n) && records.withheld);
  tls_records_allow_one(&records);
  CHECK(BIO_read_ex(bio, got, 3, &n) && n == 3 && !records.withheld);
  CHECK(BIO_read_ex(bio, got, 20, &n) && n == 2);
  CHECK(BIO_read_ex(bio, got, 20, &n) && n == 2 && got[1] == 'b');
  CHECK(!BIO_read_ex(bio, got, 20, &n) && records.withheld);
  tls_records_allow_one(&records);
  CHECK(BIO_read_ex(bio, got, 20, &n) && n == 5); /* an empty one */
  CHECK(!BIO_read_ex(bio, got, 20, &n) && records.withheld);
  tls_records_one_at_a_time(&records, false);
  CHECK(BIO_read_ex(bio, got, 20, &n) && n == 6);
  BIO_free(bio);
  tls_records_clear(&records);
}

static void test_refused (bool trusting) {
  struct side *c = new_side(false, TLS1_3_VERSION, trusting);
  struct side *s = new_side(true, TLS1_3_VERSION, true);
  const char *expected = "HOSTNAME_MISMATCH";
  exchange(c, s, 1 << 16);
  if (trusting)
    identify(c, false);
  else
    expected = "DEPTH_ZERO_SELF_SIGNED_CERT";
  exchange(c, s, 1 << 16);
  CHECK(tls_engine_failed(c->engine) && tls_engine_failed(s->engine));
  CHECK(strcmp(tls_engine_error(c->engine)->code, expected) == 0);
  CHECK(!tls_engine_secure(s->engine));
  approve(c, true);
  CHECK(tls_engine_write(c->engine, "x", 1, 1 << 16) == 0);
  free_side(c);
  free_side(s);
}

static void test_cut_off (void) {
  struct side *c = new_side(false, TLS1_3_VERSION, true);
  struct side *s = new_side(true, TLS1_3_VERSION, true);
  handshake(c, s, 1 << 16);
  approve(c, true);
  tls_engine_records(c->engine)->eof = true;
  CHECK(run(c) == TLS_EV_EOF && tls_engine_truncated(c->engine));
  free_side(c);
  free_side(s);
  s = new_side(true, TLS1_3_VERSION, true);
  tls_engine_records(s->engine)->eof = true;
  CHECK(run(s) == TLS_EV_ERROR);
  CHECK(strcmp(tls_engine_error(s->engine)->code, "ECONNRESET") == 0);
  free_side(s);
}

/* What may be set, and until when. */
static void test_settings (void) {
  struct side *c = new_side(false, TLS1_3_VERSION, true);
  struct side *s = new_side(true, TLS1_3_VERSION, true);
  CHECK(tls_engine_set_servername(c->engine, "localhost"));
  CHECK(!tls_engine_set_key_cert(c->engine, NULL, NULL, NULL));
  CHECK(tls_engine_set_key_cert(c->engine, cert, key, NULL));
  CHECK(!tls_engine_set_max_send_fragment(c->engine, 511));
  CHECK(tls_engine_set_max_send_fragment(c->engine, 512));
  CHECK(!tls_engine_negotiated(c->engine));
  CHECK(tls_engine_group(c->engine) == NULL);
  handshake(c, s, 1 << 16);
  CHECK(!tls_engine_set_servername(c->engine, "example.org"));
  CHECK(tls_engine_negotiated(c->engine));
  CHECK(tls_engine_group(c->engine) != NULL);
  free_side(c);
  free_side(s);
}

static void test_blob (void) {
  struct tls_blob blob = {NULL, 0};
  CHECK(tls_blob_set(&blob, "ab", 2) && blob.size == 2);
  CHECK(tls_blob_set(&blob, "", 0) && blob.data != NULL && blob.size == 0);
  CHECK(tls_blob_set(&blob, NULL, 0) && blob.data == NULL);
  tls_blob_clear(&blob);
}

static void test_junk (void) {
  struct side *s = new_side(true, TLS1_3_VERSION, true);
  const char *junk = "GET / HTTP/1.0\r\n\r\n";
  tls_records_feed(tls_engine_records(s->engine), junk, strlen(junk));
  CHECK(run(s) == TLS_EV_ERROR);
  CHECK(strcmp(tls_engine_error(s->engine)->code, "ERR_SSL_HTTP_REQUEST") == 0);
  CHECK(*tls_engine_error(s->engine)->alert == '\0');
  CHECK(run(s) == 0); /* dead and quiet */
  free_side(s);
}

static bool fits (unsigned built_major, unsigned built_minor, unsigned major,
                  unsigned minor) {
  return tls_openssl_release_fits(
      (struct tls_openssl_release){built_major, built_minor},
      (struct tls_openssl_release){major, minor});
}

static void test_openssl_loaded (void) {
  char why[400] = "";
  CHECK(tls_openssl_loaded_fits(why, sizeof why));
  CHECK(why[0] == '\0');
  CHECK(fits(3, 0, 3, 0) && fits(3, 0, 3, 6) && fits(3, 5, 3, 5));
  CHECK(!fits(3, 6, 3, 5) && !fits(3, 6, 4, 0) && !fits(4, 0, 3, 6));
}

int main (void) {
  test_openssl_loaded();
  method = tls_record_bio_method();
  make_certificate();
  test_connection(TLS1_3_VERSION, 1 << 16);
  test_connection(TLS1_2_VERSION, 1 << 16);
  test_connection(TLS1_3_VERSION, 1); /* a byte at a time */
  test_put_off();
  test_gate_again();
  test_approve_needs_verdict();
  test_record();
  test_chain_errors();
  test_by_record();
  test_refused(true);
  test_refused(false);
  test_cut_off();
  test_junk();
  test_settings();
  test_blob();
  test_wire();
  test_threads();
  EVP_PKEY_free(key);
  X509_free(cert);
  BIO_meth_free(method);
  tls_buffer_pool_free(&pool);
  printf("engine: %d checks, %d failed\n", checks, failures);
  return failures != 0;
}
