/* Runs a program and leaves nothing of it behind.
 *
 *   supervise PROGRAM ARGUMENT...
 *
 * Whatever the program has started, and whatever that has started, becomes a
 * child of this process when its own parent ends. So when the program ends,
 * passes or fails, all that is left of it is found here and killed, by its id;
 * the same when this process gets SIGTERM, SIGINT or SIGHUP, which the program
 * gets then, too, or when its own parent dies.
 *
 * Its status is the program's, 128 and the number of the signal that ended
 * either of them, or 99 when the program has passed and left processes behind
 * that did not end within GRACE_MS. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { GRACE_MS = 5000, STEP_MS = 10, LEFT_BEHIND = 99, NOT_STARTED = 127 };

static volatile sig_atomic_t stopped_by;

static void on_stop (int number) {
  stopped_by = number;
}

static void pause_ms (long ms) {
  struct timespec span = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&span, NULL);
}

/* Reads /proc/PID/NAME into 'text', which it ends. */
static size_t read_proc (long pid, const char *name, char *text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/%s", pid, name);
  FILE *file = fopen(path, "r");
  size_t length = file ? fread(text, 1, size - 1, file) : 0;
  if (file)
    fclose(file);
  text[length] = 0;
  return length;
}

/* The program's own name may have blanks and brackets: what follows it does
 * not. */
static int is_my_child (long pid) {
  char text[512], state;
  long parent;
  read_proc(pid, "stat", text, sizeof text);
  const char *behind = strrchr(text, ')');
  if (!behind || sscanf(behind + 1, " %c %ld", &state, &parent) != 2)
    return 0;
  return parent == (long)getpid() && state != 'Z';
}

static void print_command (long pid) {
  char text[200];
  size_t length = read_proc(pid, "cmdline", text, sizeof text);
  for (size_t i = 0; i + 1 < length; i++)
    if (!isprint((unsigned char)text[i]))
      text[i] = ' ';
  fprintf(stderr, "left behind: process %ld, %s\n", pid, text);
}

static void each_child (void (*fn)(long pid)) {
  DIR *dir = opendir("/proc");
  struct dirent *entry;
  while (dir && (entry = readdir(dir))) {
    long pid = strtol(entry->d_name, NULL, 10);
    if (pid > 0 && is_my_child(pid))
      fn(pid);
  }
  if (dir)
    closedir(dir);
}

static void kill_child (long pid) {
  kill((pid_t)pid, SIGKILL);
}

/* Whether no child is left; those that have ended are taken off the list. */
static int all_ended (void) {
  pid_t pid;
  do
    pid = waitpid(-1, NULL, WNOHANG);
  while (pid > 0 || (pid < 0 && errno == EINTR));
  return pid < 0;
}

static int all_ended_within (long ms) {
  for (; !all_ended(); ms -= STEP_MS) {
    if (ms <= 0)
      return 0;
    pause_ms(STEP_MS);
  }
  return 1;
}

/* A killed process hands its own children over, which are killed in the next
 * round. */
static void kill_all (void) {
  for (int i = 0; i < GRACE_MS / STEP_MS && !all_ended(); i++) {
    each_child(kill_child);
    pause_ms(STEP_MS);
  }
}

static pid_t start (char **command, const sigset_t *signals) {
  pid_t pid = fork();
  if (pid != 0)
    return pid;
  sigprocmask(SIG_SETMASK, signals, NULL);
  execvp(command[0], command);
  perror(command[0]);
  _exit(NOT_STARTED);
}

/* Waits for the program, or for a signal to this process. */
static int wait_for (pid_t program, const sigset_t *signals) {
  int status = 0;
  while (!stopped_by) {
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
      if (pid == program)
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    sigsuspend(signals); /* SIGCHLD interrupts it, too */
  }
  return 128 + stopped_by;
}

/* It may end by itself, and say how far it has come. */
static void stop (pid_t program, int number) {
  kill(program, number);
  for (int i = 0; i < GRACE_MS / STEP_MS; i++) {
    if (waitpid(program, NULL, WNOHANG) != 0)
      return;
    pause_ms(STEP_MS);
  }
}

static void on_child (int number) {
  (void)number;
}

static void handle (int number, void (*fn)(int), sigset_t *blocked) {
  struct sigaction action = {.sa_handler = fn};
  sigaction(number, &action, NULL);
  sigaddset(blocked, number);
}

int main (int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: supervise PROGRAM ARGUMENT...\n");
    return NOT_STARTED;
  }
  sigset_t blocked, before;
  sigemptyset(&blocked);
  handle(SIGTERM, on_stop, &blocked);
  handle(SIGINT, on_stop, &blocked);
  handle(SIGHUP, on_stop, &blocked);
  handle(SIGCHLD, on_child, &blocked);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  prctl(PR_SET_CHILD_SUBREAPER, 1L);
  prctl(PR_SET_PDEATHSIG, (long)SIGTERM);
  pid_t program = start(argv + 1, &before);
  if (program < 0)
    return NOT_STARTED;
  int status = wait_for(program, &before);
  if (stopped_by)
    stop(program, stopped_by);
  if (!stopped_by && !all_ended_within(GRACE_MS)) {
    each_child(print_command);
    if (status == 0)
      status = LEFT_BEHIND;
  }
  kill_all();
  return status;
}
