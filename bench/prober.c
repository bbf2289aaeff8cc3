/*
** prober: a paced echo, see prober.h.
*/
#include "prober.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void sleep_until (double at) {
  struct timespec t = {(time_t)at, (long)((at - (double)(time_t)at) * 1e9)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
    continue;
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
  return ssl;
}

static void echo (SSL *ssl) {
  char message[MESSAGE], back[MESSAGE];
  int got = 0, n;
  memset(message, 'p', sizeof message);
  if (SSL_write(ssl, message, MESSAGE) != MESSAGE)
    die("prober's write");
  for (; got < MESSAGE; got += n)
    if ((n = SSL_read(ssl, back, MESSAGE)) <= 0)
      die("prober's read");
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

static void probe (SSL *ssl, double begin, double seconds) {
  int i, n = (int)(seconds * 1000 / PROBE_MS);
  double *us = calloc((size_t)n, sizeof *us);
  for (i = 0; i < n; i++) {
    double due = begin + i * PROBE_MS / 1e3;
    sleep_until(due);
    echo(ssl);
    us[i] = (now() - due) * 1e6;
  }
  report(us, n);
}

int prober_start (SSL_CTX *ctx, const struct sockaddr_in *address, double begin,
                  double seconds) {
  int id = fork();
  if (id < 0)
    die("fork");
  if (id > 0)
    return id;
  probe(open_connection(ctx, address), begin, seconds);
  _exit(0);
}

void prober_join (int id) {
  int status;
  if (waitpid(id, &status, 0) != id || status != 0)
    die("the prober has failed");
}
