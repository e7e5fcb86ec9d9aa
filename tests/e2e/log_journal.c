/* `log.to: journal` writes entries of systemd's journal: a datagram each, with its priority. */
#include "support/t_ask.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define JOURNAL "/run/systemd/journal"

/* A /run of the test's own. */
static void enter_own_run(void)
{
    (void)t_dir();
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("weir-test", "/run", "tmpfs", 0, "size=1m") != 0)
        cr_skip_test("no mount namespace of its own: %s", strerror(errno));
    cr_assert_eq(mkdir("/run/systemd", 0700), 0);
    cr_assert_eq(mkdir(JOURNAL, 0700), 0);
}

static int open_journal(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = JOURNAL "/socket"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)unlink(at.sun_path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

/* The next entry that has this text. */
static const char *await_entry(int journal, const char *text)
{
    struct timeval limit = {.tv_sec = t_timeout_ms() / 1000};
    char *entry = t_alloc(65536);

    setsockopt(journal, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    do {
        ssize_t len = recv(journal, entry, 65535, 0);
        cr_assert_gt(len, 0, "no entry has \"%s\"", text);
        entry[len] = 0;
    } while (!strstr(entry, text));
    return entry;
}

static const char config[] = "workers: 1\n"
                             "log: {to: journal}\n"
                             "admin: {listen: off}\n"
                             "listeners: {web: {listen: [\"127.0.0.1:%d\"], pool: main}}\n"
                             "pools: {main: {servers: [{address: \"127.0.0.1:%d\"}]}}\n";

Test(log_journal, an_entry_a_line)
{
    enter_own_run();
    int journal = open_journal(), port = t_free_port();
    char *path = t_write_file("weir.yaml", t_text(config, port, t_free_port()));
    const char *args[] = {WEIR_BINARY, "run", "-c", path, NULL};
    struct t_process process;
    t_process_start(&process, "weir", args, true, false);
    const char *entry = await_entry(journal, "ready: ");
    t_assert_contains(entry, "PRIORITY=6\nSYSLOG_IDENTIFIER=weir\nMESSAGE=ready: listening on ");
    t_assert_text(strchr(strstr(entry, "MESSAGE="), '\n'), "\n");

    /* Nothing from outside can add a field, and a journal that was started anew is found. */
    close(journal);
    journal = open_journal();
    struct t_conn *client = t_connect(port);
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    t_assert_number("status", t_read_response(client, "GET")->status, 502);
    entry = await_entry(journal, "CONNECT_FAILED");
    t_assert_contains(entry, "PRIORITY=4\n");
    t_write_file("weir.yaml", "a: \"\\nPRIORITY=0\"\n");
    t_process_signal(&process, SIGHUP);
    entry = await_entry(journal, "reload: ");
    t_assert_contains(entry, "PRIORITY=3\n");
    t_assert_lacks(entry, "\nPRIORITY=0");
    t_process_signal(&process, SIGTERM);
    t_assert_number("exit status", t_process_wait(&process), 0);
    t_assert_text(t_process_err(&process), "");
}

Test(log_journal, without_one_weir_does_not_start)
{
    enter_own_run();
    char *path = t_write_file("weir.yaml", t_text(config, t_free_port(), t_free_port()));
    struct t_run run = t_weir_run("run", "-c", path, NULL);
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, "weir: log.to: journal: No such file or directory");
}
