/*
** limit: what C alone can do. libuv's streams, OpenSSL over a BIO that reads
*the
** bytes where uv_read put them, nothing else: no Lua, no events, no streams, no
** checks that a library owes its users. Speaks load.c's protocol.
**
**   limit CERT KEY [CIPHERS]      prints its port
*/
#include <stdbool.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <uv.h>

#define GATHER (64 * 1024)
#define TURN (1024 * 1024)

enum mode { MODE_ASKED, MODE_ECHO, MODE_GET, MODE_PUT };

struct bytes {
  char *data; /* owned */
  size_t at, size, room;
};

struct conn {
  uv_tcp_t tcp;
  uv_write_t req;
  SSL *ssl;       /* owned */
  const char *in; /* borrowed from uv_read */
  size_t in_size;
  struct bytes out, flight;
  size_t piece;
  enum mode mode;
  bool writing, closing;
};

static SSL_CTX *ctx;
static BIO_METHOD *method;
static char in[64 * 1024], plain[64 * 1024 + 16384];
static char *filling; /* what GET sends */

static void append (struct bytes *b, const char *data, size_t n) {
  if (b->size + n > b->room) {
    b->room = b->room == 0 ? 4096 : b->room;
    while (b->size + n > b->room)
      b->room *= 2;
    b->data = realloc(b->data, b->room);
    if (b->data == NULL)
      abort();
  }
  memcpy(b->data + b->size, data, n);
  b->size += n;
}

static void drop (struct bytes *b) {
  free(b->data);
  memset(b, 0, sizeof *b);
}

static int bio_write (BIO *bio, const char *data, size_t n, size_t *done) {
  struct conn *c = BIO_get_data(bio);
  append(&c->out, data, n);
  *done = n;
  return 1;
}

static int bio_read (BIO *bio, char *to, size_t n, size_t *done) {
  struct conn *c = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (c->in_size == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  *done = n < c->in_size ? n : c->in_size;
  memcpy(to, c->in, *done);
  c->in += *done;
  c->in_size -= *done;
  return 1;
}

static long bio_ctrl (BIO *bio, int cmd, long num, void *ptr) {
  (void)bio, (void)num, (void)ptr;
  return cmd == BIO_CTRL_FLUSH;
}

static void on_closed (uv_handle_t *handle) {
  struct conn *c = handle->data;
  SSL_free(c->ssl);
  drop(&c->out);
  drop(&c->flight);
  free(c);
}

static void close_conn (struct conn *c) {
  if (!c->closing)
    uv_close((uv_handle_t *)&c->tcp, on_closed);
  c->closing = true;
}

static void work (struct conn *c);

static void on_written (uv_write_t *req, int status) {
  struct conn *c = req->data;
  c->writing = false;
  drop(&c->flight);
  if (status < 0)
    close_conn(c);
  if (!c->closing)
    work(c);
}

static void flush (struct conn *c, bool later) {
  size_t n = c->out.size - c->out.at;
  uv_buf_t buf = uv_buf_init(c->out.data + c->out.at, (unsigned)n);
  if (c->writing || n == 0 || c->closing)
    return;
  int done = later ? UV_EAGAIN : uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
  if (done == (int)n) {
    drop(&c->out);
    return;
  }
  if (done > 0)
    c->out.at += (size_t)done;
  c->flight = c->out;
  memset(&c->out, 0, sizeof c->out);
  buf = uv_buf_init(c->flight.data + c->flight.at,
                    (unsigned)(c->flight.size - c->flight.at));
  c->req.data = c;
  c->writing = true;
  if ((done < 0 && done != UV_EAGAIN) ||
      uv_write(&c->req, (uv_stream_t *)&c->tcp, &buf, 1, on_written) != 0)
    close_conn(c);
}

static void encrypt (struct conn *c, const char *data, size_t n) {
  size_t done;
  while (n > 0 && SSL_write_ex(c->ssl, data, n, &done)) {
    data += done;
    n -= done;
  }
}

/* Pieces without end, each flushed when 64 KiB have gathered. */
static void send_pieces (struct conn *c) {
  size_t sent = 0;
  while (!c->writing && !c->closing && sent < TURN) {
    while (c->out.size < GATHER) {
      encrypt(c, filling, c->piece);
      sent += c->piece;
    }
    flush(c, sent >= TURN);
  }
}

static void first_line (struct conn *c, const char *data, size_t n) {
  char line[64] = "";
  const char *end = memchr(data, '\n', n);
  if (end == NULL || end - data >= (long)sizeof line) {
    close_conn(c);
    return;
  }
  memcpy(line, data, (size_t)(end - data));
  c->mode = MODE_ECHO;
  if (sscanf(line, "GET %zu", &c->piece) == 1 && c->piece <= 1 << 20)
    c->mode = MODE_GET;
  else if (strncmp(line, "PUT ", 4) == 0)
    c->mode = MODE_PUT;
  n -= (size_t)(end + 1 - data);
  if (c->mode == MODE_ECHO && n > 0)
    encrypt(c, end + 1, n);
}

static void got_plain (struct conn *c, const char *data, size_t n) {
  if (c->mode == MODE_ASKED)
    first_line(c, data, n);
  else if (c->mode == MODE_ECHO)
    encrypt(c, data, n);
}

/* A batch of records becomes one piece of plaintext, as it does for ours. */
static bool read_batch (struct conn *c) {
  size_t got = 0, n;
  ERR_clear_error();
  while (got < sizeof plain - 16384 &&
         SSL_read_ex(c->ssl, plain + got, sizeof plain - got, &n))
    got += n;
  if (got > 0) {
    got_plain(c, plain, got);
    return true;
  }
  int why = SSL_get_error(c->ssl, 0);
  if (why == SSL_ERROR_ZERO_RETURN) { /* RFC 8446, 6.1: an end has an answer */
    SSL_shutdown(c->ssl);
    flush(c, false);
  }
  if (why != SSL_ERROR_WANT_READ)
    close_conn(c);
  return false;
}

static void work (struct conn *c) {
  if (!SSL_is_init_finished(c->ssl)) {
    ERR_clear_error();
    int r = SSL_do_handshake(c->ssl);
    if (r != 1 && SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_READ)
      close_conn(c);
  }
  while (!c->closing && SSL_is_init_finished(c->ssl) && read_batch(c))
    ;
  if (c->mode == MODE_GET && !c->closing)
    send_pieces(c);
  flush(c, false);
}

static void on_alloc (uv_handle_t *handle, size_t hint, uv_buf_t *buf) {
  (void)handle, (void)hint;
  *buf = uv_buf_init(in, sizeof in);
}

static void on_read (uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  struct conn *c = stream->data;
  if (n < 0)
    close_conn(c);
  if (n <= 0)
    return;
  c->in = buf->base;
  c->in_size = (size_t)n;
  work(c);
}

static void on_connection (uv_stream_t *server, int status) {
  struct conn *c = status < 0 ? NULL : calloc(1, sizeof *c);
  if (c == NULL)
    return;
  uv_tcp_init(server->loop, &c->tcp);
  c->tcp.data = c;
  if (uv_accept(server, (uv_stream_t *)&c->tcp) != 0) {
    close_conn(c);
    return;
  }
  BIO *bio = BIO_new(method);
  BIO_set_data(bio, c);
  BIO_set_init(bio, 1);
  c->ssl = SSL_new(ctx);
  SSL_set_bio(c->ssl, bio, bio);
  SSL_set_accept_state(c->ssl);
  uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

static void make_context (const char *cert, const char *key,
                          const char *ciphers) {
  ctx = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_options(ctx,
                      SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"limit", 5);
  if ((ciphers != NULL && !SSL_CTX_set_cipher_list(ctx, ciphers)) ||
      SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
      SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
    ERR_print_errors_fp(stderr);
    exit(1);
  }
}

int main (int argc, char **argv) {
  static uv_tcp_t server;
  struct sockaddr_in at;
  int size = sizeof at;
  if (argc < 3)
    return fprintf(stderr, "usage: limit CERT KEY [CIPHERS]\n"), 2;
  signal(SIGPIPE, SIG_IGN); /* a client that has gone is an error of write() */
  make_context(argv[1], argv[2], argc > 3 ? argv[3] : NULL);
  filling = malloc(1 << 20);
  memset(filling, 'x', 1 << 20);
  method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "limit");
  BIO_meth_set_write_ex(method, bio_write);
  BIO_meth_set_read_ex(method, bio_read);
  BIO_meth_set_ctrl(method, bio_ctrl);
  uv_ip4_addr("127.0.0.1", 0, &at);
  uv_tcp_init(uv_default_loop(), &server);
  if (uv_tcp_bind(&server, (struct sockaddr *)&at, 0) != 0 ||
      uv_tcp_nodelay(&server, 1) != 0 || /* inherited */
      uv_listen((uv_stream_t *)&server, 511, on_connection) != 0)
    return 1;
  uv_tcp_getsockname(&server, (struct sockaddr *)&at, &size);
  printf("%d\n", ntohs(at.sin_port));
  fflush(stdout);
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
