/*
** flood: many connections to a server at once, each of which does no good.
** OpenSSL and epoll, no library of ours.
**
**   flood MODE PORT COUNT WINDOW [VERSION [CERT KEY]]
**
**     silent     sends nothing
**     slow       a byte of a ClientHello each second
**     reset      a ClientHello, then a reset
**     junk       what port scanners send, one kind after the other
**     idle       a handshake, then nothing
**     short      a handshake, "x" and its echo, the end
**     resume     the same, with a session of the first connection
**     tickets    the same in every other one; the others have a forged ticket
**     deaf       a handshake, "GET\n", and nothing is ever read
**     reneg      one handshake after the other
**     keyupdate  UPDATES times new keys, then "x" and its echo
**
** WINDOW of the COUNT connections are open at a time. VERSION is 12 or 13.
** Prints "at BEGUN OPEN" each second, "ready" when all were begun and none has
** more to do by itself, and when none is left "NAME n" for each way to end:
**
**   served  the echo has come, and then the connection was ended by us
**   ended   by the server: a FIN, a reset or an alert
**   left    by us, when standard input has ended: what is still open then
*/
#define _GNU_SOURCE /* memmem */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "hello.h"
#include "junk.h"

enum { UPDATES = 200, RENEGOTIATIONS = 1000, BATCH = 256, STRIDE = 16 };
enum end { SERVED, ENDED, LEFT, ENDS };
static const char *const end_names[] = {"served", "ended", "left"};

struct client {
  SSL *ssl; /* owned; NULL where the mode speaks no TLS */
  int fd;   /* owned; -1: it has ended */
  int number;
  int steps; /* bytes, handshakes or updates that were sent */
  bool open; /* its handshake has finished */
  bool settled;
};

struct mode {
  const char *name;
  bool tls;
  bool first_alone;                /* whose session the others have */
  void (*begin)(struct client *);  /* it is connected */
  void (*run)(struct client *);    /* its handshake has finished; again later */
  void (*second)(struct client *); /* each second */
};

static const struct mode *mode; /* borrowed, as the next one */
static struct client *clients;  /* owned */
static SSL_CTX *ctx;            /* owned */
static SSL_SESSION *session;    /* owned */
static int epoll, begun, live, settled, count, window, ended_as[ENDS];
static struct sockaddr_in address;
static unsigned char hello[4096];
static int hello_length;

static void die (const char *what) {
  perror(what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static void settle (struct client *c) {
  settled += !c->settled;
  c->settled = true;
}

static void end (struct client *c, enum end how) {
  if (c->fd < 0)
    return;
  settle(c);
  ended_as[how]++;
  live--;
  SSL_free(c->ssl);
  close(c->fd);
  c->ssl = NULL;
  c->fd = -1;
}

/* With what is unread, or with a reset if 'abrupt'. */
static void leave (struct client *c, bool abrupt) {
  struct linger none = {1, 0};
  if (abrupt)
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  else if (c->ssl != NULL && c->open)
    SSL_shutdown(c->ssl);
  end(c, LEFT);
}

/* After a call of OpenSSL's that has returned 'result': true if it has to be
** tried again. */
static bool waits (struct client *c, int result) {
  int why = SSL_get_error(c->ssl, result);
  ERR_clear_error();
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
    struct epoll_event event = {.data.ptr = c};
    event.events = EPOLLIN | (why == SSL_ERROR_WANT_WRITE ? EPOLLOUT : 0u);
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
    return true;
  }
  end(c, ENDED);
  return false;
}

/* === what the modes send === */

/* A server may have reset it already. */
static void put (struct client *c, const void *bytes, size_t length) {
  if (send(c->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
    end(c, ENDED);
}

/* Every other one says that this was all. */
static void begin_junk (struct client *c) {
  int kind = c->number % JUNK;
  size_t length = (size_t)junk_lengths[kind];
  put(c, junk[kind], length != 0 ? length : strlen(junk[kind]));
  if (c->fd >= 0 && c->number / JUNK % 2 != 0)
    shutdown(c->fd, SHUT_WR);
  settle(c);
}

static void begin_reset (struct client *c) {
  put(c, hello, (size_t)hello_length);
  if (c->fd >= 0)
    leave(c, true);
}

static void send_slowly (struct client *c) {
  if (c->steps < hello_length)
    put(c, hello + c->steps++, 1);
  settle(c);
}

static void begin_session (struct client *c) {
  if (session != NULL)
    SSL_set_session(c->ssl, session);
}

/* The ticket stands in the session's DER as it is. */
static void forge (struct client *c) {
  unsigned char *der = NULL, *at;
  const unsigned char *ticket, *from;
  size_t length;
  int size = i2d_SSL_SESSION(session, &der);
  SSL_SESSION *forged;
  SSL_SESSION_get0_ticket(session, &ticket, &length);
  if (size < 0 || (at = memmem(der, (size_t)size, ticket, length)) == NULL)
    die("no ticket");
  at[(size_t)c->number % length] ^= 0x40;
  from = der;
  forged = d2i_SSL_SESSION(NULL, &from, size);
  SSL_set_session(c->ssl, forged);
  SSL_SESSION_free(forged);
  OPENSSL_free(der);
}

static void begin_tickets (struct client *c) {
  if (session == NULL)
    return;
  if (c->number % 2 == 0)
    begin_session(c);
  else
    forge(c);
}

static void run_echo (struct client *c) {
  char text[16];
  int got;
  if (c->steps++ == 0 && SSL_write(c->ssl, "x", 1) != 1)
    die("SSL_write");
  got = SSL_read(c->ssl, text, sizeof text);
  if (got <= 0) {
    waits(c, got);
    return;
  }
  if (got != 1 || *text != 'x')
    die("another echo");
  if (session == NULL && c->number == 0)
    session = SSL_get1_session(c->ssl);
  SSL_shutdown(c->ssl);
  end(c, SERVED);
}

static void run_deaf (struct client *c) {
  struct epoll_event event = {.data.ptr = c, .events = 0};
  if (c->steps++ != 0) { /* it has broken off */
    end(c, ENDED);
    return;
  }
  if (SSL_write(c->ssl, "GET\n", 4) != 4)
    die("SSL_write");
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
  settle(c);
}

/* Reads, in case the server has said something. */
static bool still_there (struct client *c) {
  char text[256];
  int got = SSL_read(c->ssl, text, sizeof text);
  if (got <= 0)
    return waits(c, got);
  return true;
}

static void run_idle (struct client *c) {
  if (still_there(c))
    settle(c);
}

/* Until the server has had enough. */
static void run_renegotiation (struct client *c) {
  int result;
  do {
    if (!SSL_renegotiate_pending(c->ssl))
      SSL_renegotiate(c->ssl);
    result = SSL_do_handshake(c->ssl);
  } while (result > 0 && ++c->steps < RENEGOTIATIONS);
  if (result > 0)
    die("no end of renegotiations");
  waits(c, result);
}

/* Each wants an answer, which nobody reads before the last. */
static void run_updates (struct client *c) {
  while (c->steps < UPDATES) {
    c->steps++;
    if (SSL_key_update(c->ssl, SSL_KEY_UPDATE_REQUESTED) != 1)
      die("SSL_key_update");
    if (SSL_do_handshake(c->ssl) != 1)
      die("SSL_do_handshake");
  }
  c->steps -= UPDATES;
  run_echo(c);
  if (c->fd >= 0)
    c->steps += UPDATES;
}

static const struct mode modes[] = {
    {"silent", false, false, settle, NULL, NULL},
    {"slow", false, false, send_slowly, NULL, send_slowly},
    {"reset", false, false, begin_reset, NULL, NULL},
    {"junk", false, false, begin_junk, NULL, NULL},
    {"idle", true, false, NULL, run_idle, NULL},
    {"short", true, false, NULL, run_echo, NULL},
    {"resume", true, true, begin_session, run_echo, NULL},
    {"tickets", true, true, begin_tickets, run_echo, NULL},
    {"deaf", true, false, NULL, run_deaf, NULL},
    {"reneg", true, false, NULL, run_renegotiation, NULL},
    {"keyupdate", true, false, NULL, run_updates, NULL},
};

/* === all of them === */

static void handshake (struct client *c) {
  int result = SSL_do_handshake(c->ssl);
  if (result <= 0) {
    waits(c, result);
    return;
  }
  c->open = true;
  mode->run(c);
}

static void on_ready (struct client *c) {
  char text[4096];
  if (c->ssl == NULL) {
    ssize_t got = recv(c->fd, text, sizeof text, 0); /* an alert is dropped */
    if (got == 0 || (got < 0 && errno != EAGAIN))
      end(c, ENDED);
  } else if (c->open) {
    mode->run(c);
  } else {
    handshake(c);
  }
}

static void make_tls (struct client *c) {
  static const unsigned char alpn[] = "\4echo";
  c->ssl = SSL_new(ctx);
  SSL_set_fd(c->ssl, c->fd);
  SSL_set_connect_state(c->ssl);
  SSL_set_tlsext_host_name(c->ssl, "localhost");
  SSL_set_alpn_protos(c->ssl, alpn, 5);
  SSL_set_tlsext_status_type(c->ssl, TLSEXT_STATUSTYPE_ocsp);
}

/* Waits where the queue of the listening socket is full. */
static void begin (void) {
  struct client *c = &clients[begun];
  struct epoll_event event = {.data.ptr = c, .events = EPOLLIN};
  int on = 1;
  c->number = begun++;
  live++;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0)
    die("socket");
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) {
    if (errno != ECONNRESET)
      die("connect");
    end(c, ENDED);
    return;
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
  if (mode->tls)
    make_tls(c);
  if (mode->begin != NULL)
    mode->begin(c);
  if (mode->tls && c->fd >= 0)
    handshake(c);
}

static void each_second (void) {
  static time_t last;
  time_t now = time(NULL);
  if (now == last)
    return;
  last = now;
  printf("at %d %d\n", begun, live); /* it goes on */
  fflush(stdout);
  if (mode->second == NULL)
    return;
  for (int i = 0; i < begun; i++)
    if (clients[i].fd >= 0)
      mode->second(&clients[i]);
}

/* The end of our input, which is in 'epoll' without a client. */
static void release (void) {
  char text[16];
  if (read(0, text, sizeof text) > 0)
    return;
  epoll_ctl(epoll, EPOLL_CTL_DEL, 0, NULL);
  begun = count;
  for (int i = 0; i < count; i++)
    if (clients[i].fd > 0)
      leave(&clients[i], strcmp(mode->name, "deaf") == 0);
}

static void turn (int wait_ms) {
  struct epoll_event events[BATCH];
  int n = epoll_wait(epoll, events, BATCH, wait_ms);
  for (int i = 0; i < n; i++) {
    struct client *c = events[i].data.ptr;
    if (c == NULL)
      release();
    else if (c->fd >= 0)
      on_ready(c);
  }
  each_second();
}

static bool more_now (void) {
  bool alone = mode->first_alone && session == NULL;
  return begun < count && live < (alone ? 1 : window);
}

static void run (void) {
  bool told = false;
  while (live > 0 || begun < count) {
    for (int i = 0; i < STRIDE && more_now(); i++)
      begin();
    turn(more_now() ? 0 : 200);
    if (!told && begun == count && settled == count && live > 0) {
      told = true;
      puts("ready");
      fflush(stdout);
    }
  }
}

/* === the beginning === */

static void make_ctx (int version, const char *cert, const char *key) {
  ctx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT);
  if (version == 12 && strcmp(mode->name, "resume") == 0)
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_proto_version(ctx, version == 12 ? TLS1_2_VERSION : 0);
  if (cert == NULL)
    return;
  if (SSL_CTX_use_certificate_file(ctx, cert, SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
    die(cert);
}

static const struct mode *find_mode (const char *name) {
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (strcmp(modes[i].name, name) == 0)
      return &modes[i];
  die(name);
  return NULL;
}

static void watch_input (void) {
  struct epoll_event event = {.events = EPOLLIN};
  epoll = epoll_create1(0);
  epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
}

int main (int argc, char **argv) {
  struct rlimit files;
  if (argc < 5)
    return 2;
  signal(SIGPIPE, SIG_IGN);
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  mode = find_mode(argv[1]);
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)atoi(argv[2]));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  count = atoi(argv[3]);
  window = atoi(argv[4]);
  clients = calloc((size_t)count, sizeof *clients);
  make_ctx(argc > 5 ? atoi(argv[5]) : 13, argc > 7 ? argv[6] : NULL,
           argc > 7 ? argv[7] : NULL);
  hello_length = make_hello(ctx, hello, sizeof hello);
  watch_input();
  run();
  for (int i = 0; i < ENDS; i++)
    printf("%s %d\n", end_names[i], ended_as[i]);
  return 0;
}
