/* The watcher: a process that outlives the test's own for a moment.
 *
 * It waits for the end of a pipe that only the test's process holds open. When the test exits in
 * order, `at_exit` has emptied the table and the watcher finds nothing to do. When the test crashed
 * or was killed, the watcher kills what the table still names, prints its logs and removes the
 * directory. */
#define T_HARNESS
#include "t_base.h"
#include "t_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 64, ECHO_MAX = 64 * 1024 };

struct slot {
    pid_t pid; /* 0: free */
    char name[32];
    char log_path[256];
};

/* Shared with the watcher. */
struct table {
    char dir[256];
    struct slot slots[SLOTS];
};

static struct table *table;
static pid_t watcher_pid;
static int watcher_pipe = -1;

static void echo_log(const struct slot *slot)
{
    static char text[ECHO_MAX];
    int fd = open(slot->log_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    lseek(fd, size > ECHO_MAX ? size - ECHO_MAX : 0, SEEK_SET);
    ssize_t got = read(fd, text, sizeof(text));
    close(fd);
    dprintf(STDERR_FILENO, "---- the test ended before %s (pid %d) was stopped; it wrote:\n",
            slot->name, (int)slot->pid);
    if (got > 0 && write(STDERR_FILENO, text, (size_t)got) < 0)
        return;
    dprintf(STDERR_FILENO, "---- end of %s\n", slot->name);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info, (void)type, (void)place;
    return remove(path);
}

/* Kills, echoes, removes: everything that the table still names. */
static void clean_up(void)
{
    for (int i = 0; i < SLOTS; i++) {
        struct slot *slot = &table->slots[i];
        if (!slot->pid)
            continue;
        kill(-slot->pid, SIGKILL);
        echo_log(slot);
        slot->pid = 0;
    }
    if (table->dir[0])
        nftw(table->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    table->dir[0] = '\0';
}

_Noreturn static void watch(int pipe_end)
{
    char byte;
    prctl(PR_SET_NAME, "t-watcher");
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN); /* whoever read standard error may be gone: the rest is still to do */
    if (pipe_end != 3)
        dup2(pipe_end, 3);
    close_range(4, ~0u, 0);
    while (read(3, &byte, 1) < 0 && errno == EINTR)
        continue;
    clean_up();
    _exit(0);
}

static void at_exit(void)
{
    if (!watcher_pid)
        return;
    clean_up();
    close(watcher_pipe);
    waitpid(watcher_pid, NULL, 0);
    watcher_pid = 0;
}

void t_watcher_arm(void)
{
    if (watcher_pid)
        return;
    table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ends[2];
    if (table == MAP_FAILED || pipe2(ends, O_CLOEXEC) != 0)
        t_fail("cannot make a watcher: %s", strerror(errno));
    watcher_pid = fork();
    if (watcher_pid < 0)
        t_fail("cannot fork: %s", strerror(errno));
    if (!watcher_pid) {
        close(ends[1]);
        watch(ends[0]);
    }
    close(ends[0]);
    watcher_pipe = ends[1];
    atexit(at_exit);
}

void t_watcher_set_dir(const char *path)
{
    snprintf(table->dir, sizeof(table->dir), "%s", path);
}

int t_watcher_add(pid_t pid, const char *name, const char *log_path)
{
    t_watcher_arm();
    for (int i = 0; i < SLOTS; i++) {
        struct slot *slot = &table->slots[i];
        if (slot->pid)
            continue;
        snprintf(slot->name, sizeof(slot->name), "%s", name);
        snprintf(slot->log_path, sizeof(slot->log_path), "%s", log_path);
        slot->pid = pid;
        return i;
    }
    t_fail("more than %d processes at once", SLOTS);
}

void t_watcher_remove(int slot)
{
    if (slot >= 0)
        table->slots[slot].pid = 0;
}
