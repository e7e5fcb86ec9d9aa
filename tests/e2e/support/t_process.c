/* Starting, watching and ending a program. */
#define T_HARNESS
#include "t_process.h"

#include "t_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGV_MAX = 64, EXIT_NO_EXEC = 127 };

extern char **environ;

/* What a sanitizer or valgrind prints. */
static const char *const reports[] = {
    "ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer",
    "runtime error: ",         "DEADLYSIGNAL",         "Invalid read of size",
    "Invalid write of size",   "definitely lost: "};

char **t_child_environment(void)
{
    static const char *const defaults[][2] = {
        {"ASAN_OPTIONS", "ASAN_OPTIONS=exitcode=99:detect_leaks=1"},
        {"UBSAN_OPTIONS", "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"},
        {"TSAN_OPTIONS", "TSAN_OPTIONS=exitcode=66:halt_on_error=0"},
    };
    size_t count = 0;
    while (environ[count])
        count++;
    char **env = t_alloc((count + 4) * sizeof(*env));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "BXFI_", 5) !=
            0) /* would make a test program believe it is a test */
            env[kept++] = environ[i];
    count = kept;
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
        if (!getenv(defaults[i][0]))
            env[count++] = t_copy(defaults[i][1], strlen(defaults[i][1]));
    return env;
}

/* ARGV behind the words of WEIR_TEST_WRAPPER, as execvpe wants it. */
static char **child_arguments(const char *const *argv, bool wrap)
{
    char **args = t_alloc((ARGV_MAX + 1) * sizeof(*args));
    size_t count = 0;
    const char *wrapper = wrap ? getenv("WEIR_TEST_WRAPPER") : NULL;
    char *words = t_copy(wrapper ? wrapper : "", wrapper ? strlen(wrapper) : 0);
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        if (count < ARGV_MAX)
            args[count++] = word;
    for (; *argv; argv++) {
        if (count == ARGV_MAX)
            t_fail("more than %d arguments", ARGV_MAX);
        args[count++] = t_copy(*argv, strlen(*argv));
    }
    return args;
}

/* In the child; only what is allowed between fork and exec. */
_Noreturn static void child_run(char **args, char **env, int out, int err, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_NO_EXEC);
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close_range(3, ~0u, 0);
    execvpe(args[0], args, env);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", args[0], strerror(errno));
    _exit(EXIT_NO_EXEC);
}

static void make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        t_fail("cannot make a pipe: %s", strerror(errno));
}

void(t_process_start)(struct t_process *process, const char *name, const char *const *argv,
                      bool wrap, bool separate)
{
    static int started;
    t_watcher_arm();
    char **args = child_arguments(argv, wrap);
    char **env = t_child_environment();
    char *log_path = t_path(t_text("%s.%d.log", name, started++));
    int err[2], out[2] = {-1, -1};
    make_pipe(err);
    if (separate)
        make_pipe(out);
    pid_t self = getpid();
    pid_t pid = fork();
    if (pid < 0)
        t_fail("cannot fork: %s", strerror(errno));
    if (pid == 0)
        child_run(args, env, separate ? out[1] : err[1], err[1], self);
    setpgid(pid, pid);
    close(err[1]);
    *process = (struct t_process){.name = name, .pid = pid};
    process->slot = t_watcher_add(pid, name, log_path);
    process->err = process->out = t_capture_start(err[0], log_path);
    if (separate) {
        close(out[1]);
        process->out = t_capture_start(out[0], t_text("%s.out", log_path));
    }
}

/* The end of the process's log, for messages. */
static const char *tail(struct t_process *process)
{
    size_t len;
    char *text = t_capture_text(process->err, &len);
    return len > 4000 ? text + len - 4000 : text;
}

static void await(struct t_process *process, const char *text, size_t from)
{
    long end = t_capture_await(process->err, text, from);
    if (end < 0)
        t_fail("%s %s\n  awaited: \"%s\"\n  it wrote: %s", process->name,
               end == -1 ? "ended without writing it" : "did not write it in time", text,
               tail(process));
    *t_capture_mark(process->err) = (size_t)end;
}

void t_process_await(struct t_process *process, const char *text)
{
    await(process, text, 0);
}

void t_process_await_next(struct t_process *process, const char *text)
{
    await(process, text, *t_capture_mark(process->err));
}

void t_process_mark(struct t_process *process)
{
    t_capture_text(process->err, t_capture_mark(process->err));
}

char *t_process_err(struct t_process *process)
{
    return t_capture_text(process->err, NULL);
}

char *t_process_out(struct t_process *process)
{
    return t_capture_text(process->out, NULL);
}

void t_process_signal(struct t_process *process, int signal)
{
    if (!process->pid || kill(process->pid, signal) != 0)
        t_fail("cannot signal %s: it is not running", process->name);
}

/* Waits for the end and takes the rest of the output. Returns false when the time was over. */
static bool reap(struct t_process *process)
{
    int fd = pidfd_open(process->pid, 0);
    if (fd < 0)
        t_fail("cannot watch %s: %s", process->name, strerror(errno));
    struct pollfd poll_end = {.fd = fd, .events = POLLIN};
    int64_t deadline = t_deadline_ms();
    int ready;
    do
        ready = poll(&poll_end, 1, t_left_ms(deadline));
    while (ready < 0 && errno == EINTR);
    close(fd);
    if (ready <= 0)
        return false;
    waitpid(process->pid, &process->status, 0);
    t_watcher_remove(process->slot);
    process->pid = 0;
    t_capture_finish(process->err);
    if (process->out != process->err)
        t_capture_finish(process->out);
    return true;
}

int t_process_wait(struct t_process *process)
{
    if (process->pid && !reap(process))
        t_fail("%s (pid %d) does not end", process->name, (int)process->pid);
    return WIFEXITED(process->status) ? WEXITSTATUS(process->status)
                                      : 128 + WTERMSIG(process->status);
}

void t_process_stop(struct t_process *process)
{
    if (!process->pid)
        return;
    kill(process->pid, SIGTERM);
    int status = t_process_wait(process);
    char *text = t_process_err(process);
    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
        if (strstr(text, reports[i]))
            t_fail("%s wrote a report (%s)\n%s", process->name, reports[i], text);
    if (status != 0)
        t_fail("%s ended with status %d\n  it wrote: %s", process->name, status, tail(process));
}

void t_process_kill(struct t_process *process)
{
    if (!process->pid)
        return;
    kill(process->pid, SIGKILL);
    t_process_wait(process);
}

/* The number behind KEY in /proc/PID/status. */
static long status_number(const struct t_process *process, const char *key)
{
    FILE *file = fopen(t_text("/proc/%d/status", (int)process->pid), "re");
    if (!file)
        t_fail("%s is not running", process->name);
    char line[256];
    long number = -1;
    while (number < 0 && fgets(line, sizeof(line), file))
        if (strncmp(line, key, strlen(key)) == 0)
            number = strtol(line + strlen(key), NULL, 10);
    fclose(file);
    if (number < 0)
        t_fail("/proc/%d/status has no %s", (int)process->pid, key);
    return number;
}

long t_process_resident_kib(const struct t_process *process)
{
    return status_number(process, "VmRSS:");
}

long t_process_resident_kib_max(const struct t_process *process)
{
    return status_number(process, "VmHWM:");
}

int t_process_threads(const struct t_process *process)
{
    return (int)status_number(process, "Threads:");
}

int t_process_descriptors(const struct t_process *process)
{
    DIR *dir = opendir(t_text("/proc/%d/fd", (int)process->pid));
    if (!dir)
        t_fail("%s is not running", process->name);
    int count = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

struct t_run t_run_with(const char *const *argv, bool wrap)
{
    struct t_process process;
    t_process_start(&process, "run", argv, wrap, true);
    struct t_run run = {.status = t_process_wait(&process)};
    run.out = t_process_out(&process);
    run.err = t_process_err(&process);
    return run;
}

struct t_run t_run(const char *const *argv)
{
    return t_run_with(argv, false);
}
