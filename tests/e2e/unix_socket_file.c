/* The file of a Unix socket: one that nobody listens on is replaced, one in use is never taken, and
 * whatever else is at the path is left alone. */
#include "support/t_ask.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct t_weir weir;
static char *path;

static char *config(const char *admin)
{
    static int number;
    return t_write_file(t_text("weir%d.yaml", ++number),
                        t_text("workers: 2\nlog: {level: info}\nadmin: {listen: %s}\n"
                               "listeners: {web: {listen: \"unix:%s\"}}\n",
                               admin ? admin : "off", path));
}

static void start(struct t_weir *started)
{
    t_weir_start_args(started, "run", "-c", config(NULL), NULL);
}

/* A weir that is to listen there must refuse to start, and say why. */
static void refuse(const char *why)
{
    struct t_run run = t_weir_run("run", "-c", config(NULL), NULL);
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err,
                      t_text("weir: listeners.web: cannot listen on unix:%s: %s", path, why));
}

/* Asks the weir there; nothing is behind it. */
static void ask(void)
{
    struct t_conn *client = t_connect_unix(path);
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    t_assert_number("status", t_read_response(client, "GET")->status, 404);
    t_close(client);
}

Test(unix_socket_file, a_stale_one_is_replaced)
{
    path = t_path("web.sock");
    start(&weir);
    t_process_kill(&weir.process);
    t_assert_number("connect", t_try_unix(path), ECONNREFUSED);
    start(&weir);
    ask();
    t_weir_stop(&weir);
    t_assert_number("connect", t_try_unix(path), ENOENT);
}

Test(unix_socket_file, a_live_one_is_not_taken)
{
    path = t_path("web.sock");
    start(&weir);
    refuse("Address already in use; stop what listens there, or choose another path");
    ask();
    t_weir_stop(&weir);
}

/* Somebody who is slow to accept is somebody. */
Test(unix_socket_file, one_with_a_full_queue_is_live)
{
    struct t_origin other;
    path = t_path("web.sock");
    t_origin_open_unix(&other, path, 0);
    t_connect_unix(path);
    refuse("Address already in use");
    t_assert_number("connections", t_origin_connections(&other), 1);
}

Test(unix_socket_file, what_is_no_socket_stays)
{
    path = t_path("web.sock");
    t_write_file("web.sock", "dear");
    refuse("a file is there; move it away, or choose another path");
    struct stat status;
    t_assert_number("size", stat(path, &status) == 0 ? (int64_t)status.st_size : -1, 4);
    unlink(path);

    mkdir(path, 0700);
    refuse("a directory is there; move it away, or choose another path");
    rmdir(path);

    t_write_file("target", "dear");
    cr_assert_eq(symlink(t_path("target"), path), 0);
    refuse("a symbolic link is there; move it away, or choose another path");
    unlink(path);
    /* Also one that leads to a socket, and one that leads nowhere. */
    cr_assert_eq(symlink(t_path("nowhere"), path), 0);
    refuse("a symbolic link is there; move it away, or choose another path");
    unlink(path);

    mkfifo(path, 0600);
    refuse("no socket is there; move it away, or choose another path");
    t_assert_number("fifo", stat(path, &status) == 0 && S_ISFIFO(status.st_mode), 1);
}

Test(unix_socket_file, its_directory_must_be_there)
{
    path = t_path("no/web.sock");
    refuse("No such file or directory; its directory is missing");
}

/* The second weir takes the path while the first drains; the first must leave it alone then. */
Test(unix_socket_file, a_successor_keeps_its_own)
{
    struct t_origin origin;
    struct t_weir next;
    path = t_path("web.sock");
    t_origin_open(&origin);
    t_weir_start_args(
        &weir, "run", "-c",
        t_write_file("first.yaml", t_text("workers: 1\nadmin: {listen: off}\n"
                                          "listeners: {web: {listen: \"unix:%s\", pool: p}}\n"
                                          "pools: {p: {servers: [{address: \"127.0.0.1:%d\"}]}}\n",
                                          path, origin.port)),
        NULL);
    struct t_conn *client = t_connect_unix(path);
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_weir_signal(&weir, SIGTERM);
    t_weir_await_log(&weir, "draining");
    t_assert_number("connect", t_try_unix(path), ENOENT);

    start(&next);
    ask();
    t_answer(upstream, "late");
    t_assert_text(t_read_response(client, "GET")->body, "late");
    t_assert_number("exit status", t_process_wait(&weir.process), 0);
    ask();
    t_weir_stop(&next);
    t_assert_number("connect", t_try_unix(path), ENOENT);
}

/* Somebody has put a file in its place: that is not weir's to remove. */
Test(unix_socket_file, what_took_its_place_stays)
{
    struct t_origin other;
    path = t_path("web.sock");
    start(&weir);
    unlink(path);
    t_origin_open_unix(&other, path, 8);
    t_weir_stop(&weir);
    t_assert_number("connect", t_try_unix(path), 0);
}

/* Whoever connected before the file went is served, whichever worker would have taken it. */
Test(unix_socket_file, who_waits_while_it_drains_is_served)
{
    enum { CLIENTS = 20 };
    struct t_conn *clients[CLIENTS];
    path = t_path("web.sock");
    start(&weir);
    t_weir_freeze(&weir);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = t_connect_unix(path);
        t_send(clients[i], "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    }
    t_weir_signal(&weir, SIGTERM);
    t_weir_thaw(&weir);
    for (int i = 0; i < CLIENTS; i++)
        t_assert_number("status", t_read_response(clients[i], "GET")->status, 404);
    t_assert_number("exit status", t_process_wait(&weir.process), 0);
}

Test(unix_socket_file, the_longest_path_will_do_and_no_longer_one)
{
    size_t left = 107 - strlen(t_dir()) - 1;
    char name[128];
    cr_assert_lt(left, sizeof(name));
    memset(name, 'a', left);
    name[left] = '\0';
    path = t_path(name);
    start(&weir);
    ask();
    t_weir_stop(&weir);
    struct t_run run = t_weir_check(t_text("listeners: {web: {listen: \"unix:%sa\"}}\n", path));
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, "has a path of more than 107 bytes, which the kernel does not take");
}
