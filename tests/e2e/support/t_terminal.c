/* A program on a pseudo-terminal. */
#define T_HARNESS
#include "t_terminal.h"

#include "t_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 20, ARGUMENTS_MAX = 16 };

/* In the child; only what is allowed between fork and exec. */
_Noreturn static void child_run(char **args, char **env, int slave)
{
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int fd = 0; fd < 3; fd++)
        dup2(slave, fd);
    close_range(3, ~0u, 0);
    execvpe(args[0], args, env);
    _exit(127);
}

/* The harness's environment for children, with these in front: the first of a name counts. */
static char **environment(const char *kind, const char *locale)
{
    char **base = t_child_environment();
    size_t n = 0;
    while (base[n])
        n++;
    char **env = t_alloc((n + 3) * sizeof(*env));
    size_t kept = 0;
    env[kept++] = t_text("TERM=%s", kind);
    env[kept++] = t_text("LC_ALL=%s", locale);
    for (size_t i = 0; i < n; i++)
        if (strncmp(base[i], "TERM=", 5) != 0 && strncmp(base[i], "LC_ALL=", 7) != 0 &&
            strncmp(base[i], "LINES=", 6) != 0 && strncmp(base[i], "COLUMNS=", 8) != 0)
            env[kept++] = base[i];
    return env;
}

void(t_terminal_start)(struct t_terminal *terminal, const char *const *argv, const char *kind,
                       const char *locale, int rows, int columns)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    *terminal = (struct t_terminal){.rows = rows, .columns = columns, .written = t_alloc(1)};
    t_vt_clear(terminal);
    if (openpty(&terminal->master, &terminal->slave, NULL, NULL, &size) != 0)
        t_fail("cannot open a pseudo-terminal: %s", strerror(errno));
    fcntl(terminal->master, F_SETFD, FD_CLOEXEC);
    fcntl(terminal->slave, F_SETFD, FD_CLOEXEC);
    fcntl(terminal->master, F_SETFL, O_NONBLOCK);
    tcgetattr(terminal->slave, &terminal->before);
    char **env = environment(kind, locale);
    char *args[ARGUMENTS_MAX] = {NULL};
    for (size_t i = 0; argv[i] && i + 1 < ARGUMENTS_MAX; i++)
        args[i] = t_copy(argv[i], strlen(argv[i]));
    t_watcher_arm();
    terminal->pid = fork();
    if (terminal->pid < 0)
        t_fail("cannot fork: %s", strerror(errno));
    if (terminal->pid == 0)
        child_run(args, env, terminal->slave);
    terminal->slot = t_watcher_add(terminal->pid, "terminal", t_path("terminal.log"));
}

/* Reads what is there, waiting a little for it. */
static void look(struct t_terminal *terminal)
{
    struct pollfd wait = {.fd = terminal->master, .events = POLLIN};
    static char data[65536];
    if (poll(&wait, 1, LOOK_MS) <= 0)
        return;
    ssize_t got = read(terminal->master, data, sizeof(data));
    if (got <= 0)
        return;
    char *written = t_alloc(terminal->n_written + (size_t)got + 1);
    memcpy(written, terminal->written, terminal->n_written);
    memcpy(written + terminal->n_written, data, (size_t)got);
    terminal->written = written;
    terminal->n_written += (size_t)got;
    for (ssize_t i = 0; i < got; i++)
        t_vt_take(terminal, data[i]);
}

static size_t spell(uint32_t character, char *text)
{
    if (character < 0x80) {
        text[0] = (char)character;
        return 1;
    }
    size_t len = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const unsigned char firsts[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len; i-- > 1; character >>= 6)
        text[i] = (char)(0x80 | (character & 0x3f));
    text[0] = (char)(firsts[len] | character);
    return len;
}

char *t_terminal_text(struct t_terminal *terminal)
{
    char *text = t_alloc((size_t)terminal->rows * ((size_t)terminal->columns * 4 + 1) + 1);
    size_t len = 0, end = 0;
    for (int y = 0; y < terminal->rows; y++) {
        for (int x = 0; x < terminal->columns; x++) {
            len += spell(terminal->cells[y][x], text + len);
            end = terminal->cells[y][x] != ' ' ? len : end;
        }
        text[end++] = '\n';
        len = end;
    }
    text[len] = '\0';
    return text;
}

static void await(struct t_terminal *terminal, const char *text, bool is_there)
{
    int64_t deadline = t_deadline_ms();
    while ((strstr(t_terminal_text(terminal), text) != NULL) != is_there) {
        if (t_left_ms(deadline) == 0)
            t_fail("the screen %s \"%s\":\n%s", is_there ? "does not show" : "still shows", text,
                   t_terminal_text(terminal));
        look(terminal);
    }
}

void(t_terminal_await)(struct t_terminal *terminal, const char *text)
{
    await(terminal, text, true);
}

void(t_terminal_await_gone)(struct t_terminal *terminal, const char *text)
{
    await(terminal, text, false);
}

void(t_terminal_await_output)(struct t_terminal *terminal)
{
    int64_t deadline = t_deadline_ms();
    for (size_t before = terminal->n_written; terminal->n_written == before; look(terminal))
        if (t_left_ms(deadline) == 0)
            t_fail("it writes nothing more; the screen:\n%s", t_terminal_text(terminal));
}

void(t_terminal_type)(struct t_terminal *terminal, const char *keys)
{
    if (write(terminal->master, keys, strlen(keys)) != (ssize_t)strlen(keys))
        t_fail("the terminal does not take keys");
}

void(t_terminal_resize)(struct t_terminal *terminal, int rows, int columns)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    terminal->rows = rows;
    terminal->columns = columns;
    t_vt_clear(terminal);
    if (ioctl(terminal->master, TIOCSWINSZ, &size) != 0)
        t_fail("cannot resize: %s", strerror(errno));
}

/* Waits for a change of its state, reading what it writes. */
static int await_change(struct t_terminal *terminal, int options)
{
    int64_t deadline = t_deadline_ms();
    int status;
    while (waitpid(terminal->pid, &status, WNOHANG | options) == 0) {
        if (t_left_ms(deadline) == 0)
            t_fail("it goes on, and shows:\n%s", t_terminal_text(terminal));
        look(terminal);
    }
    int left = 0; /* of what it wrote */
    while (ioctl(terminal->master, FIONREAD, &left) == 0 && left > 0)
        look(terminal);
    return status;
}

void(t_terminal_await_stop)(struct t_terminal *terminal)
{
    int status = await_change(terminal, WUNTRACED);
    if (!WIFSTOPPED(status))
        t_fail("it ended with status %d instead of stopping", status);
}

void(t_terminal_assert_restored)(struct t_terminal *terminal)
{
    struct termios now;
    tcgetattr(terminal->slave, &now);
    const struct termios *before = &terminal->before;
    if (now.c_iflag != before->c_iflag || now.c_oflag != before->c_oflag ||
        now.c_cflag != before->c_cflag || now.c_lflag != before->c_lflag ||
        memcmp(now.c_cc, before->c_cc, sizeof(now.c_cc)) != 0)
        t_fail("the terminal's settings are not as they were");
    if (terminal->is_other_screen)
        t_fail("the terminal shows the full-screen programs' screen");
}

void(t_terminal_await_end)(struct t_terminal *terminal, int status)
{
    int got = await_change(terminal, 0);
    t_watcher_remove(terminal->slot);
    terminal->pid = 0;
    if (strstr(terminal->written, "Sanitizer") || strstr(terminal->written, "runtime error: "))
        t_fail("it wrote a report:\n%s", terminal->written);
    got = WIFEXITED(got) ? WEXITSTATUS(got) : 128 + WTERMSIG(got);
    if (got != status)
        t_fail("it ended with status %d, not %d, and showed:\n%s", got, status,
               t_terminal_text(terminal));
    if (terminal->is_odd)
        t_fail("it wrote what is not understood: %s",
               terminal->odd ? t_escape(terminal->odd, strlen(terminal->odd)) : "a control byte");
}
