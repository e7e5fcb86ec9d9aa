/* A program under test: started, its output captured, stopped, judged.
 *
 * It dies with the test whatever happens (PR_SET_PDEATHSIG, and a watcher process that kills its
 * process group when the test's own process is gone). Its output is echoed when the test ends
 * without having stopped it through `t_process_stop` or `t_process_wait`, that is: when the test
 * failed or crashed. Start processes on the test's main thread only: PR_SET_PDEATHSIG follows the
 * thread. */
#ifndef WEIR_E2E_T_PROCESS_H
#define WEIR_E2E_T_PROCESS_H

#include "t_base.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct t_capture; /* the output of one process, read by a thread */

struct t_process {
    const char *name;
    pid_t pid;  /* 0 when not running */
    int status; /* as waitpid gave it, once ended */
    struct t_capture *err;
    struct t_capture *out; /* the same as err unless started with separate output */
    int slot;              /* the watcher's, or -1 */
};

/* Starts ARGV (ended by null); ARGV[0] is the path. WRAP: run it under the command in
 * WEIR_TEST_WRAPPER, if set ("valgrind -q --error-exitcode=99"). SEPARATE: keep standard output
 * apart from standard error. */
void t_process_start(struct t_process *process, const char *name, const char *const *argv,
                     bool wrap, bool separate);
#define t_process_start(...) T_AT((t_process_start)(__VA_ARGS__))

/* Waits until TEXT occurs in its standard error. Fails also when the process ends first. */
void t_process_await(struct t_process *process, const char *text);
#define t_process_await(...) T_AT((t_process_await)(__VA_ARGS__))

/* The same, among what was written after the last match of a `…_await` or `…_mark`. */
void t_process_await_next(struct t_process *process, const char *text);
#define t_process_await_next(...) T_AT((t_process_await_next)(__VA_ARGS__))
void t_process_mark(struct t_process *process);

/* What it has written so far. */
char *t_process_err(struct t_process *process);
char *t_process_out(struct t_process *process);

/* Sends a signal. */
void t_process_signal(struct t_process *process, int signal);
#define t_process_signal(...) T_AT((t_process_signal)(__VA_ARGS__))

/* Waits for its end; returns the exit status, or 128 + the signal. Fails when it does not end in
 * time. */
int t_process_wait(struct t_process *process);
#define t_process_wait(...) T_AT((t_process_wait)(__VA_ARGS__))

/* Sends SIGTERM, waits, and fails unless the exit status is 0 and nothing that a sanitizer or
 * valgrind would print was printed. Does nothing when it has already been waited for. */
void t_process_stop(struct t_process *process);
#define t_process_stop(...) T_AT((t_process_stop)(__VA_ARGS__))

/* Kills it with SIGKILL and waits. */
void t_process_kill(struct t_process *process);
#define t_process_kill(...) T_AT((t_process_kill)(__VA_ARGS__))

/* Figures of /proc/PID/status. Units: KiB. */
long t_process_resident_kib(const struct t_process *process);
long t_process_resident_kib_max(const struct t_process *process);
int t_process_threads(const struct t_process *process);
#define t_process_resident_kib(...) T_AT((t_process_resident_kib)(__VA_ARGS__))
#define t_process_resident_kib_max(...) T_AT((t_process_resident_kib_max)(__VA_ARGS__))
#define t_process_threads(...) T_AT((t_process_threads)(__VA_ARGS__))

/* Open descriptors. */
int t_process_descriptors(const struct t_process *process);
#define t_process_descriptors(...) T_AT((t_process_descriptors)(__VA_ARGS__))

/* A program that ends by itself. */
struct t_run {
    int status; /* the exit status, or 128 + the signal */
    const char *out;
    const char *err;
};

/* Runs ARGV to its end. */
struct t_run t_run(const char *const *argv);
#define t_run(...) T_AT((t_run)(__VA_ARGS__))

#endif
