/* What the harness's own files share; tests do not include this. T_HARNESS must be defined first.
 */
#ifndef WEIR_E2E_T_INTERNAL_H
#define WEIR_E2E_T_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef T_HARNESS
#error "only for the harness itself, which defines T_HARNESS before its includes"
#endif

/* --- t_watcher.c: what happens when the test's process ends --- */

/* Makes sure the watcher process runs, which kills what is left and removes the test's directory if
 * this process crashes. Idempotent. */
void t_watcher_arm(void);

/* The test's directory, once it exists. */
void t_watcher_set_dir(const char *path);

/* A process to be killed, with its group, and whose log is to be echoed. Returns a slot. */
int t_watcher_add(pid_t pid, const char *name, const char *log_path);
void t_watcher_remove(int slot);

/* --- t_capture.c: output of a process --- */

struct t_capture;

/* Starts a thread that reads FD (owned from now on) to its end into memory and into LOG_PATH. */
struct t_capture *t_capture_start(int fd, const char *log_path);

/* Waits for TEXT from byte FROM on. Returns where it ends, -1 when the output ended without it, -2
 * when the time was over. */
long t_capture_await(struct t_capture *capture, const char *text, size_t from);

/* Takes what is still in the pipe and ends the thread. */
void t_capture_finish(struct t_capture *capture);

/* A copy of all so far. */
char *t_capture_text(struct t_capture *capture, size_t *len);

/* The reader's mark for `…_await_next`. */
size_t *t_capture_mark(struct t_capture *capture);

/* --- t_read.c --- */

struct t_conn;

/* Reads once, waiting until DEADLINE_MS. Returns false when nothing happened until then; an end is
 * something. */
bool t_conn_fill(struct t_conn *conn, int64_t deadline_ms);

/* Takes LEN bytes off the front of what was read. */
void t_conn_consume(struct t_conn *conn, size_t len);

/* --- t_process.c --- */

struct t_run;

/* As t_run; WRAP as in t_process_start. */
struct t_run t_run_with(const char *const *argv, bool wrap);

/* Ours, and how sanitizers are to end a process unless told otherwise. */
char **t_child_environment(void);

/* --- t_vt.c --- */

struct t_terminal;

void t_vt_clear(struct t_terminal *terminal);

/* What the terminal does with a byte. */
void t_vt_take(struct t_terminal *terminal, char byte);

#endif
