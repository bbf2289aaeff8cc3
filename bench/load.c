/*
** load: makes work for a TLS server and counts it. OpenSSL and epoll, one
** thread, no library of ours.
**
**   load PORT PID SECONDS WORK [ARG...]
**
**     handshake VERSION full|resumed   connections, each with one byte echoed,
**                                      16 at a time; VERSION is 1.2 or 1.3
**     echo CONNECTIONS SIZE            messages that come back
**     get SIZE                         bytes that the server writes, SIZE at a
**                                      time
**     put SIZE                         bytes that we write, SIZE at a time
**     idle CONNECTIONS                 memory of the server's, each
**     active CONNECTIONS               echo on 10 of them, 64 bytes
**     storm CLIENTS                    full handshakes in a row, and a probe
**     burst CLIENTS                    ClientHellos of clients that are all
**                                      connected, at once and again, and a
**                                      probe: see prober.h
**
** The protocol: the first line says "ECHO", "GET n" or "PUT n"; from then on
** the server echoes, or writes pieces of n bytes without end, or takes what
** comes.
**
** With LOAD_UNITS=n in the environment it stops after n units instead, and
** prints only the total: for counting instructions.
**
** With LOAD_CA=file it verifies the server, whose name has to be localhost.
**
** Prints a line for each half second, "slice UNITS NANOSECONDS NANOSECONDS":
** the CPU of process PID with its threads, and that of its first thread alone;
** then "total UNITS SECONDS", "self NANOSECONDS" (our own CPU), and for echo
** "latency P50 P99" in microseconds; for idle "rss BYTES-EACH".
*/
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
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

#include "prober.h"

#define SLICE 0.5 /* s */
#define GATHER (64 * 1024)
#define WARM 0.5 /* s at the beginning that are not counted */
#define MAX_SAMPLES (1 << 20)

enum work { HANDSHAKE, BURST, ECHO, GET, PUT, IDLE, ACTIVE };

struct client {
  SSL *ssl; /* owned */
  int fd;   /* owned */
  bool secure, asked;
  size_t waiting; /* for these bytes of an echo */
  double sent_at;
};

static enum work work;
static SSL_CTX *ctx;
static SSL_SESSION *session;
static bool resume;
static struct sockaddr_in address;
static int epoll, pid, ready, want_ready;
static size_t size;
static unsigned long long resumed, shaken;
static unsigned long long units;
static char piece[256 * 1024], sink[256 * 1024];
static float *samples;
static size_t sample_count;

static void die (const char *what) {
  perror(what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static double now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* proc(5): /proc/PID/task/TID/schedstat begins with ns spent on the CPU. */
static unsigned long long thread_cpu (const char *tid) {
  char name[400];
  unsigned long long ns = 0;
  snprintf(name, sizeof name, "/proc/%d/task/%s/schedstat", pid, tid);
  FILE *f = fopen(name, "r");
  if (f == NULL)
    return 0;
  if (fscanf(f, "%llu", &ns) != 1)
    ns = 0;
  fclose(f);
  return ns;
}

/* ns of the server's CPU until now, in 'loop' those of its first thread. */
static unsigned long long server_cpu (unsigned long long *loop) {
  char path[64], first[16];
  unsigned long long total = 0;
  struct dirent *entry;
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  snprintf(first, sizeof first, "%d", pid);
  DIR *dir = opendir(path);
  if (dir == NULL)
    die(path);
  while ((entry = readdir(dir)) != NULL)
    if (entry->d_name[0] != '.')
      total += thread_cpu(entry->d_name);
  closedir(dir);
  *loop = thread_cpu(first);
  return total;
}

static double own_cpu (void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long server_rss (void) {
  char path[64], line[256];
  long kib = 0;
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *f = fopen(path, "r");
  if (f == NULL)
    die(path);
  while (fgets(line, sizeof line, f) != NULL)
    if (sscanf(line, "VmRSS: %ld", &kib) == 1)
      break;
  fclose(f);
  return kib * 1024;
}

static int on_new_session (SSL *ssl, SSL_SESSION *fresh) {
  (void)ssl;
  if (session != NULL || !resume)
    return 0;
  session = fresh;
  return 1;
}

static void open_client (struct client *c) {
  int on = 1;
  memset(c, 0, sizeof *c);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0)
    die("socket");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0 &&
      errno != EINPROGRESS)
    die("connect");
  c->ssl = SSL_new(ctx);
  if (c->ssl == NULL || !SSL_set_fd(c->ssl, c->fd))
    die("SSL_new");
  SSL_set_app_data(c->ssl, c);
  SSL_set_connect_state(c->ssl);
  if (SSL_get_verify_mode(c->ssl) != SSL_VERIFY_NONE &&
      !X509_VERIFY_PARAM_set1_host(SSL_get0_param(c->ssl), "localhost", 0))
    die("X509_VERIFY_PARAM_set1_host");
  if (session != NULL) { /* a copy: OpenSSL uses up one of TLS 1.3 */
    SSL_SESSION *copy = SSL_SESSION_dup(session);
    SSL_set_session(c->ssl, copy);
    SSL_SESSION_free(copy);
  }
  struct epoll_event ev = {EPOLLIN | EPOLLOUT | EPOLLET, {.ptr = c}};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
    die("epoll_ctl");
}

static void close_client (struct client *c) {
  SSL_shutdown(c->ssl);
  SSL_free(c->ssl);
  close(c->fd);
}

static bool waits (SSL *ssl, int r) {
  int why = SSL_get_error(ssl, r);
  ERR_clear_error();
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static void lost (void) {
  fprintf(stderr, "load: the server closed a connection\n");
  ERR_print_errors_fp(stderr);
  exit(1);
}

static void say (struct client *c, const void *data, size_t n) {
  size_t done;
  if (!SSL_write_ex(c->ssl, data, n, &done) || done != n)
    lost(); /* a fresh connection takes that much */
}

static void send_message (struct client *c) {
  c->waiting = size;
  c->sent_at = now();
  say(c, piece, size);
}

/* Records gather before a system call, as they do in a server: or this side
** would be the slow one, and what is measured be how often the other wakes. */
static void gather (struct client *c) {
  BIO *buffer = BIO_new(BIO_f_buffer());
  if (buffer == NULL || !BIO_set_write_buffer_size(buffer, GATHER))
    die("BIO_f_buffer");
  BIO *wire = SSL_get_wbio(c->ssl);
  BIO_up_ref(wire);
  SSL_set0_wbio(c->ssl, BIO_push(buffer, wire));
}

static void first_words (struct client *c) {
  char line[64] = "ECHO\n";
  if (work == HANDSHAKE)
    strcpy(line, "ECHO\nx\n");
  if (work == GET)
    snprintf(line, sizeof line, "GET %zu\n", size);
  if (work == PUT)
    snprintf(line, sizeof line, "PUT %zu\n", size);
  say(c, line, strlen(line));
  if (work == PUT)
    gather(c);
  c->asked = true;
  ready++;
}

static void note_latency (const struct client *c) {
  if (sample_count < MAX_SAMPLES)
    samples[sample_count++] = (float)((now() - c->sent_at) * 1e6);
}

static void echoed (struct client *c, size_t n) {
  if (work == GET)
    units += n;
  if (c->waiting == 0)
    return;
  c->waiting -= n < c->waiting ? n : c->waiting;
  if (c->waiting > 0)
    return;
  units++;
  note_latency(c);
  send_message(c);
}

static void read_all (struct client *c) {
  size_t n;
  int r;
  while ((r = SSL_read_ex(c->ssl, sink, sizeof sink, &n)) == 1)
    echoed(c, n);
  if (!waits(c->ssl, r))
    lost();
}

static void write_on (struct client *c) {
  size_t n;
  int r, rounds = 0;
  while (rounds++ < 64 && (r = SSL_write_ex(c->ssl, piece, size, &n)) == 1)
    units += n;
  if (rounds <= 64 && !waits(c->ssl, r))
    lost();
  BIO *wire = SSL_get_wbio(c->ssl);
  if (BIO_flush(wire) != 1 && !BIO_should_retry(wire))
    lost();
}

static void again (struct client *c) {
  units++;
  close_client(c);
  open_client(c);
}

static void shake (struct client *c) {
  int r = SSL_do_handshake(c->ssl);
  if (r != 1) {
    if (!waits(c->ssl, r))
      lost();
    return;
  }
  c->secure = true;
  shaken++;
  first_words(c);
  if (SSL_session_reused(c->ssl))
    resumed++;
}

/* A connection is over when a byte has come back: what the server does behind
** its handshake (tickets) is then done as well. nginx answers with an error of
** HTTP's, which will do. */
static void handshake_event (struct client *c) {
  size_t n;
  if (SSL_read_ex(c->ssl, sink, sizeof sink, &n) == 1)
    again(c);
  else if (!waits(c->ssl, 0))
    lost();
}

/* What gather() has held back. */
static void send_held (struct client *c) {
  if (BIO_flush(SSL_get_wbio(c->ssl)) != 1)
    lost();
}

static void on_event (struct client *c) {
  if (!c->secure)
    shake(c);
  if (work == BURST)
    send_held(c);
  if (!c->secure || work == BURST)
    return;
  if (work == HANDSHAKE) {
    handshake_event(c);
    return;
  }
  read_all(c);
  if (work == PUT && ready == want_ready)
    write_on(c);
}

static void turn (int ms) {
  static struct epoll_event events[256];
  int i, n = epoll_wait(epoll, events, 256, ms);
  for (i = 0; i < n; i++)
    on_event(events[i].data.ptr);
}

/* A writer that stopped after its rounds has no edge to wake it. */
static void turns (struct client *clients, int count, double until) {
  int i;
  while (now() < until) {
    turn(work == PUT ? 0 : 20);
    for (i = 0; work == PUT && i < count; i++)
      write_on(&clients[i]);
  }
}

static int by_value (const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static void print_latency (void) {
  if (sample_count == 0)
    return;
  qsort(samples, sample_count, sizeof *samples, by_value);
  printf("latency %.1f %.1f\n", samples[sample_count / 2],
         samples[sample_count * 99 / 100]);
}

static void until_units (struct client *clients, int count,
                         unsigned long long n) {
  while (units < n)
    turns(clients, count, now() + 0.001);
  printf("total %llu 0\n", units);
}

static void measure (struct client *clients, int count, double seconds) {
  const char *n = getenv("LOAD_UNITS");
  if (n != NULL) {
    until_units(clients, count, strtoull(n, NULL, 10));
    return;
  }
  turns(clients, count, now() + WARM);
  sample_count = 0;
  double begin = now(), at = begin, self = own_cpu();
  unsigned long long total = 0;
  while (at - begin < seconds) {
    unsigned long long from, to, cpu = server_cpu(&from);
    units = 0;
    turns(clients, count, at + SLICE);
    cpu = server_cpu(&to) - cpu;
    printf("slice %llu %llu %llu\n", units, cpu, to - from);
    total += units;
    at = now();
  }
  self = own_cpu() - self;
  printf("total %llu %.6f\n", total, at - begin);
  printf("self %.0f\n", self * 1e9);
  print_latency();
}

/* 'count' connections, each with its first words said. A thousand at a time, or
** the server's backlog would drop some. */
static struct client *open_all (int count) {
  struct client *clients = calloc((size_t)count, sizeof *clients);
  int i;
  for (i = 0; i < count; i++) {
    open_client(&clients[i]);
    while (i - ready > 200)
      turn(1000);
  }
  want_ready = count;
  while (ready < count)
    turn(1000);
  return clients;
}

static void run_idle (int count) {
  open_all(20); /* what the first ones cost is the server's, not theirs */
  ready = 0;
  usleep(300000);
  long before = server_rss();
  open_all(count);
  usleep(1000000);
  printf("rss %.0f\n", (double)(server_rss() - before) / count);
}

static void run_echo (int open, int busy, double seconds) {
  int i;
  struct client *clients = open_all(open);
  for (i = 0; i < busy; i++)
    send_message(&clients[i]);
  measure(clients, busy, seconds);
}

/* As a client has to. */
static void verify (const char *ca) {
  if (ca == NULL)
    return;
  if (!SSL_CTX_load_verify_file(ctx, ca))
    die(ca);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
}

static void set_up (int port) {
  struct rlimit limit = {65536, 65536};
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  memset(piece, 'x', sizeof piece);
  samples = malloc(MAX_SAMPLES * sizeof *samples);
  epoll = epoll_create1(0);
  ctx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
                                          SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, on_new_session);
  /* the same for every server, whatever it prefers */
  if (!SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384") ||
      !SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:"
                                    "ECDHE-RSA-AES128-GCM-SHA256"))
    die("ciphers");
  verify(getenv("LOAD_CA"));
}

static void only_version (int number) {
  SSL_CTX_set_min_proto_version(ctx, number);
  SSL_CTX_set_max_proto_version(ctx, number);
}

static void run_handshakes (const char *version, const char *how,
                            double seconds) {
  int number = strcmp(version, "1.3") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
  resume = strcmp(how, "resumed") == 0;
  only_version(number);
  /* one at a time where they are counted: the last ones are not done */
  int i, at_once = getenv("LOAD_UNITS") == NULL ? 16 : 1;
  struct client *clients = calloc(16, sizeof *clients);
  for (i = 0; i < at_once; i++)
    open_client(&clients[i]);
  measure(clients, 0, seconds);
  if (resume && resumed + 32 < shaken) /* the first ones have no session */
    fprintf(stderr, "load: only %llu of %llu resumed\n", resumed, shaken);
}

static void run_storm (int count, double seconds) {
  int i, prober = prober_start(ctx, &address, now() + WARM, seconds);
  struct client *clients = calloc((size_t)count, sizeof *clients);
  only_version(TLS1_3_VERSION);
  for (i = 0; i < count; i++)
    open_client(&clients[i]);
  measure(clients, 0, seconds);
  prober_join(prober);
}

/* Its ClientHello is made, and does not leave yet. */
static void hold_hello (struct client *c) {
  gather(c);
  if (SSL_do_handshake(c->ssl) == 1)
    lost();
}

/* Connects all of them, which the server accepts meanwhile. */
static void one_burst (struct client *clients, int count) {
  int i;
  for (i = 0; i < count; i++)
    open_client(&clients[i]);
  usleep(100000);
  for (i = 0; i < count; i++)
    hold_hello(&clients[i]);
  for (i = 0; i < count; i++)
    send_held(&clients[i]);
  for (shaken = 0; shaken < (unsigned long long)count;)
    turn(1000);
  for (i = 0; i < count; i++)
    close_client(&clients[i]);
  units += (unsigned long long)count;
}

static void run_burst (int count, double seconds) {
  int prober = prober_start(ctx, &address, now() + WARM, seconds);
  struct client *clients = calloc((size_t)count, sizeof *clients);
  only_version(TLS1_3_VERSION);
  double begin = now();
  while (now() < begin + WARM + seconds)
    one_burst(clients, count);
  printf("total %llu %.6f\n", units, now() - begin);
  prober_join(prober);
}

int main (int argc, char **argv) {
  if (argc < 6)
    return fprintf(stderr, "usage: load PORT PID SECONDS WORK ARG...\n"), 2;
  double seconds = atof(argv[3]);
  const char *name = argv[4];
  long n = strtol(argv[5], NULL, 10);
  pid = (int)strtol(argv[2], NULL, 10);
  set_up((int)strtol(argv[1], NULL, 10));
  if (strcmp(name, "handshake") == 0 && argc > 6) {
    work = HANDSHAKE;
    run_handshakes(argv[5], argv[6], seconds);
  } else if (strcmp(name, "echo") == 0 && argc > 6) {
    work = ECHO;
    size = (size_t)strtol(argv[6], NULL, 10);
    run_echo((int)n, (int)n, seconds);
  } else if (strcmp(name, "active") == 0) {
    work = ACTIVE;
    size = 64;
    run_echo((int)n, 10, seconds);
  } else if (strcmp(name, "storm") == 0) {
    work = HANDSHAKE;
    run_storm((int)n, seconds);
  } else if (strcmp(name, "burst") == 0) {
    work = BURST;
    run_burst((int)n, seconds);
  } else if (strcmp(name, "idle") == 0) {
    work = IDLE;
    run_idle((int)n);
  } else if (strcmp(name, "get") == 0 || strcmp(name, "put") == 0) {
    work = name[0] == 'g' ? GET : PUT;
    size = (size_t)n;
    measure(open_all(1), 1, seconds);
  } else {
    return fprintf(stderr, "load: no such work: %s\n", name), 2;
  }
  return 0;
}
