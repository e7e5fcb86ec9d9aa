/* The access log's file may be moved, full, slow or unread: no line is torn, and no request waits.
 */
#include "support/t_access.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static struct t_real_origin origin;
static struct t_weir weir;
static struct t_shape shape;

static void start(const char *top, int workers)
{
    t_real_origin_start(&origin, "size=10");
    shape = (struct t_shape){.workers = workers, .port = origin.port, .top = top};
    t_weir_start_shape(&weir, &shape);
}

static void stop(void)
{
    t_weir_stop(&weir);
    t_real_origin_stop(&origin);
}

/* N requests for TARGET, one after another on one connection. */
static void ask(int n, const char *target)
{
    struct t_conn *client = t_connect(weir.port);

    for (int i = 0; i < n; i++)
        t_assert_number("status", t_get(client, target)->status, 200);
    t_close(client);
}

static int64_t figure(const char *name)
{
    return t_stats_number(&weir, t_text("access_log/%s", name));
}

static void await_file(const char *name)
{
    int64_t deadline_ms = t_deadline_ms();

    while (access(t_path(name), F_OK) != 0 && t_left_ms(deadline_ms) > 0)
        t_nap();
}

Test(access_log_file, as_many_lines_as_requests)
{
    start("access_log: {to: \"@dir@/access\"}\nshutdown_timeout: 30s\n", 2);
    struct t_load load = {.port = weir.port, .concurrency = 20, .requests = 4000};
    struct t_load_result result = t_load_run(&load);
    t_assert_number("right answers", (int64_t)result.ok, 4000);
    t_weir_stop(&weir);
    char *text = t_access_text("access");
    t_assert_number("lines", t_access_count(text), 4000);
    for (int i = 0; i < 4000; i++, text = strchr(text, '\n') + 1)
        t_access_line(text, 0);
    t_real_origin_stop(&origin);
}

/* As logrotate does it. */
Test(access_log_file, moved_and_opened_again)
{
    start("access_log: {to: \"@dir@/access\"}\n", 2);
    ask(3, "/before");
    t_access_await(&weir, 3);
    cr_assert_eq(rename(t_path("access"), t_path("access.1")), 0);
    ask(2, "/between");
    t_access_await(&weir, 5);
    t_weir_signal(&weir, SIGUSR1);
    await_file("access");
    ask(4, "/after");
    stop();
    t_assert_number("lines", t_access_count(t_access_text("access.1")), 5);
    t_assert_number("lines", t_access_count(t_access_text("access")), 4);
    t_assert_lacks(t_access_text("access"), "/between");
}

Test(access_log_file, moved_and_opened_again_under_load)
{
    start("access_log: {to: \"@dir@/access\"}\n", 2);
    struct t_load_beside beside = {
        .load = {.port = weir.port, .concurrency = 20, .requests = 4000, .per_connection = 10}};
    int lines = 0;

    t_load_start(&beside);
    for (int i = 0; i < 5; i++) {
        t_stats_await_at_least(&weir, "access_log/written", 600 * (i + 1));
        cr_assert_eq(rename(t_path("access"), t_path(t_text("old.%d", i))), 0);
        t_weir_signal(&weir, SIGUSR1);
        await_file("access");
    }
    t_load_join(&beside);
    t_assert_number("right answers", (int64_t)beside.result.ok, 4000);
    stop();
    for (int i = 0; i < 5; i++)
        lines += t_access_count(t_access_text(t_text("old.%d", i)));
    lines += t_access_count(t_access_text("access"));
    t_assert_number("lines", lines, 4000);
}

Test(access_log_file, a_directory_that_is_gone_leaves_the_old_file_in_use)
{
    cr_assert_eq(mkdir(t_path("logs"), 0700), 0);
    start("access_log: {to: \"@dir@/logs/access\"}\n", 1);
    ask(1, "/before");
    t_access_await(&weir, 1);
    cr_assert_eq(rename(t_path("logs"), t_path("away")), 0);
    t_weir_signal(&weir, SIGUSR1);
    t_weir_await_log(&weir, "cannot open it again: No such file or directory");
    ask(1, "/after");
    t_access_await(&weir, 2);
    t_assert_number("failed", figure("failed"), 1);
    stop();
    t_assert_number("lines", t_access_count(t_access_text("away/access")), 2);
}

/* ---- A file that takes nothing ---- */

static char *long_target(void)
{
    char *target = t_alloc(6001);

    memset(target, 'x', 6000);
    target[0] = '/';
    return target;
}

Test(access_log_file, a_full_device_stalls_no_request)
{
    start("access_log: {to: /dev/full}\n", 1);
    ask(400, long_target());
    cr_expect_gt(figure("dropped"), 0);
    cr_expect_gt(figure("failed"), 0);
    t_assert_number("written", figure("written"), 0);
    t_weir_await_log(&weir, "access_log: /dev/full: cannot be written: No space left on device");
    stop();
    t_assert_contains(t_weir_log(&weir), "400 in all");
}

Test(access_log_file, a_pipe_that_nobody_reads_stalls_no_request)
{
    cr_assert_eq(mkfifo(t_path("access"), 0600), 0);
    start("access_log: {to: \"@dir@/access\"}\n", 1);
    ask(400, long_target());
    t_weir_await_log(&weir, "lines were dropped");
    cr_expect_gt(figure("dropped"), 0);

    /* What was kept is whole for whoever reads it then. */
    int64_t kept = 400 - figure("dropped");
    FILE *reader = fdopen(open(t_path("access"), O_RDONLY), "r");
    char *text = t_alloc(65536);
    for (int64_t i = 0; i < kept; i++) {
        cr_assert_not_null(fgets(text, 65536, reader));
        t_access_line(text, 0);
    }
    t_stats_await(&weir, "access_log/written", kept);
    ask(1, "/read");
    cr_assert_not_null(fgets(text, 65536, reader));
    t_access_assert(t_access_line(text, 0), "{'target': '/read'}");
    fclose(reader);
    stop();
}

/* A disk that is full for a while, inside a line. */
Test(access_log_file, a_full_disk_tears_no_line)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        cr_skip_test("no mount namespace of its own: %s", strerror(errno));
    cr_assert_eq(mkdir(t_path("disk"), 0700), 0);
    if (mount("weir-test", t_path("disk"), "tmpfs", 0, "size=32k") != 0)
        cr_skip_test("no file system of its own: %s", strerror(errno));
    t_write_file("disk/ballast", long_target());
    start("access_log: {to: \"@dir@/disk/access\"}\n", 1);
    ask(10, long_target());
    t_stats_await_at_least(&weir, "access_log/failed", 1);
    t_weir_await_log(&weir, "cannot be written: No space left on device");
    cr_expect_lt(figure("written"), 10);
    ask(5, "/while-full");
    cr_assert_eq(mount(NULL, t_path("disk"), NULL, MS_REMOUNT, "size=1m"), 0);
    t_access_await(&weir, 15);
    t_weir_await_log(&weir, "is written again");
    ask(1, "/after");
    stop();
    char *text = t_access_text("disk/access");
    t_assert_number("lines", t_access_count(text), 16);
    for (int i = 0; i < 16; i++)
        t_access_line(text, i);
    umount2(t_path("disk"), MNT_DETACH);
}

/* ---- Reloads ---- */

static void reload(const char *top, int generation)
{
    shape.top = top;
    t_weir_reshape(&weir, &shape);
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", generation);
}

Test(access_log_file, added_changed_and_removed)
{
    start(NULL, 2);
    ask(1, "/unlogged");
    reload("access_log: {to: \"@dir@/first\"}\n", 2);
    ask(2, "/first");
    t_access_await(&weir, 2); /* between workers there is no order */
    reload("access_log: {to: \"@dir@/first\", format: combined}\n", 3);
    ask(2, "/first");
    reload("access_log: {to: \"@dir@/second\", format: combined}\n", 4);
    ask(3, "/second");
    reload("", 5);
    ask(1, "/unlogged");
    t_access_await(&weir, 7);
    reload("access_log: {to: \"@dir@/first\"}\n", 6);
    ask(1, "/first");
    t_access_await(&weir, 8);
    stop();
    char *first = t_access_text("first"), *second = t_access_text("second");
    t_assert_number("lines", t_access_count(first), 5);
    t_assert_number("lines", t_access_count(second), 3);
    t_access_line(first, 0);
    t_access_line(first, 1);
    t_access_line(first, 4);
    t_assert_contains(first, "\"GET /first HTTP/1.1\" 200 10 ");
    t_assert_lacks(first, "/second");
    t_assert_lacks(second, "/first");
    t_assert_lacks(t_text("%s%s", first, second), "/unlogged");
}

Test(access_log_file, changed_under_load)
{
    start("access_log: {to: \"@dir@/0\"}\n", 2);
    struct t_load_beside beside = {
        .load = {.port = weir.port, .concurrency = 20, .requests = 4000, .per_connection = 10}};
    int lines = 0;

    t_load_start(&beside);
    for (int i = 1; i <= 5; i++) {
        t_stats_await_at_least(&weir, "access_log/written", 600 * i);
        reload(t_text("access_log: {to: \"@dir@/%d\"}\n", i), i + 1);
    }
    t_load_join(&beside);
    t_assert_number("right answers", (int64_t)beside.result.ok, 4000);
    stop();
    for (int i = 0; i <= 5; i++)
        lines += t_access_count(t_access_text(t_text("%d", i)));
    t_assert_number("lines", lines, 4000);
}

Test(access_log_file, a_name_that_moves_leaves_it_alone)
{
    struct t_dns dns;

    t_real_origin_start(&origin, "size=10");
    t_dns_open(&dns);
    t_dns_set(&dns, "fleet.test 1 A 127.0.0.1\n");
    shape = (struct t_shape){
        .servers = t_text("[{address: \"fleet.test:%d\"}]", origin.port),
        .top = t_text("access_log: {to: \"@dir@/access\"}\n%s", t_dns_yaml(&dns, "2s"))};
    t_weir_start_shape(&weir, &shape);
    ask(1, "/before");
    t_dns_set(&dns, "fleet.test 1 A 127.0.0.1\nfleet.test 1 A 127.0.0.2\n");
    t_stats_await(&weir, "weir/revision", 2);
    ask(1, "/after");
    t_access_await(&weir, 2);
    stop();
    t_assert_contains(t_access_text("access"), "\"target\":\"/after\"");
}

Test(access_log_file, one_that_can_not_be_opened_is_a_fault)
{
    start("access_log: {to: \"@dir@/access\"}\n", 1);
    shape.top = "access_log: {to: /nowhere/access}\n";
    t_weir_reshape(&weir, &shape);
    t_weir_signal(&weir, SIGHUP);
    t_weir_await_log(&weir, "access_log.to: /nowhere/access: No such file or directory");
    ask(1, "/");
    t_access_await(&weir, 1);
    stop();
    struct t_run run = t_weir_run("run", "-c", weir.config, NULL);
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, "weir: access_log.to: /nowhere/access: No such file or directory");
}

Test(access_log_file, standard_output)
{
    start("access_log: {to: /dev/stdout}\n", 1);
    ask(2, "/out");
    t_access_await(&weir, 2);
    stop();
    t_assert_contains(t_process_out(&weir.process), "\"target\":\"/out\"");
}
