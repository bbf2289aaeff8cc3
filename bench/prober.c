/*
** prober: a paced echo, see prober.h.
*/
#define _GNU_SOURCE /* ppoll */
#include "prober.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROBE_MS 2
#define MESSAGE 64

static void die (const char *what) {
  perror(what);
  exit(1);
}

static double now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static SSL *open_connection (SSL_CTX *ctx, const struct sockaddr_in *address) {
  int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address))
    die("prober");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  SSL *ssl = SSL_new(ctx);
  if (ssl == NULL || !SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1 ||
      SSL_write(ssl, "ECHO\n", 5) != 5)
    die("prober's handshake");
  if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
    die("fcntl");
  return ssl;
}

static int by_value (const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void report (double *us, int n) {
  qsort(us, (size_t)n, sizeof *us, by_value);
  printf("probe %d %.0f %.0f %.0f %.0f\n", n, us[n / 2], us[n * 99 / 100],
         us[n * 999 / 1000], us[n - 1]);
  fflush(stdout);
}

struct probe {
  SSL *ssl;   /* owned */
  double *us; /* owned; of each echo */
  double begin;
  int sent, count;
  size_t back; /* bytes that have come back */
};

static double due (const struct probe *p, int i) {
  return p->begin + i * PROBE_MS / 1e3;
}

/* A fresh connection takes what may be on the way. */
static void send_one (struct probe *p) {
  static const char message[MESSAGE];
  if (SSL_write(p->ssl, message, MESSAGE) != MESSAGE)
    die("prober's write");
  p->sent++;
}

static void take_back (struct probe *p) {
  char bytes[4096];
  int n;
  while ((n = SSL_read(p->ssl, bytes, sizeof bytes)) > 0) {
    size_t i, from = p->back / MESSAGE;
    p->back += (size_t)n;
    for (i = from; i < p->back / MESSAGE; i++)
      p->us[i] = (now() - due(p, (int)i)) * 1e6;
  }
  if (SSL_get_error(p->ssl, n) != SSL_ERROR_WANT_READ)
    die("prober's read");
}

/* Until the next one is due, or something comes. */
static void await (const struct probe *p) {
  struct pollfd ready = {SSL_get_fd(p->ssl), POLLIN, 0};
  double left = p->sent < p->count ? due(p, p->sent) - now() : 1;
  struct timespec t = {left > 0 ? (time_t)left : 0,
                       left > 0 ? (long)((left - (double)(time_t)left) * 1e9)
                                : 0};
  if (ppoll(&ready, 1, &t, NULL) < 0)
    die("ppoll");
}

static void probe (SSL *ssl, double begin, double seconds) {
  struct probe p = {ssl, NULL, begin, 0, (int)(seconds * 1000 / PROBE_MS), 0};
  p.us = calloc((size_t)p.count, sizeof *p.us);
  while (p.back < (size_t)p.count * MESSAGE) {
    while (p.sent < p.count && due(&p, p.sent) <= now())
      send_one(&p);
    await(&p);
    take_back(&p);
  }
  report(p.us, p.count);
}

/* Before the load on their processor, where the system lets it (sched(7)): what
** is measured is the server, not how the two share. */
static void go_first (void) {
  const struct sched_param first = {.sched_priority = 1};
  if (sched_setscheduler(0, SCHED_FIFO, &first) != 0)
    perror("prober: beside the load, SCHED_FIFO");
}

int prober_start (SSL_CTX *ctx, const struct sockaddr_in *address, double begin,
                  double seconds) {
  int id = fork();
  if (id < 0)
    die("fork");
  if (id > 0)
    return id;
  go_first();
  probe(open_connection(ctx, address), begin, seconds);
  _exit(0);
}

void prober_join (int id) {
  int status;
  if (waitpid(id, &status, 0) != id || status != 0)
    die("the prober has failed");
}
