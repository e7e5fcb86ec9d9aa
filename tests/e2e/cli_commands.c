/* What the admin endpoint takes can be said on the command line, and the exit status tells. */
#include "support/t_ask.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct t_origin origin;
static struct t_weir weir;
static char *admin, *server, *token;

static void open_both(void)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port,
                                                .token = true,
                                                .pool = "    queue: {timeout: 30s}\n"});
    admin = t_text("127.0.0.1:%d", weir.admin_port);
    server = t_text("127.0.0.1:%d", origin.port);
    token = t_path("token");
}

static void assert_fine(struct t_run run, const char *out)
{
    t_assert_text(run.err, "");
    t_assert_number("exit status", run.status, 0);
    t_assert_contains(run.out, out);
}

static void assert_fails(struct t_run run, int status, const char *err)
{
    t_assert_number("exit status", run.status, status);
    t_assert_text(run.out, "");
    t_assert_contains(run.err, err);
    cr_assert_eq(strchr(run.err, '\n'), run.err + strlen(run.err) - 1, "%s", run.err);
}

Test(cli_commands, pool)
{
    open_both();
    struct t_conn *idle = t_round(&weir, &origin, NULL, "/");
    assert_fine(t_weir_run("pool", "flush", "legacy", "-a", admin, "-t", token, NULL), "legacy: ");
    t_expect_reset(idle);
    idle = t_round(&weir, &origin, NULL, "/");
    assert_fine(t_weir_run("pool", "-a", admin, "-t", token, "reconnect", "legacy", NULL),
                "legacy: ");
    t_expect_reset(idle);
    idle = t_round(&weir, &origin, NULL, "/");
    assert_fine(t_weir_run("pool", "pause", "legacy", "-a", admin, "-t", token, NULL),
                "paused: no connection is left\n");
    t_expect_reset(idle);
    assert_fine(t_weir_run("stats", "-a", admin, "pools", NULL), "legacy  yes ");
    assert_fine(t_weir_run("pool", "resume", "legacy", "-a", admin, "-t", token, NULL), "resumed");
    assert_fine(t_weir_run("stats", "-a", admin, "pools", NULL), "legacy  no ");
    assert_fails(t_weir_run("pool", "pause", "a/b c", "-a", admin, "-t", token, NULL), 1,
                 "there is no pool `a/b c`");
    t_weir_end(&weir);
}

Test(cli_commands, server)
{
    open_both();
    assert_fine(t_weir_run("server", "drain", "legacy", server, "-a", admin, "-t", token, NULL),
                "draining");
    assert_fine(t_weir_run("stats", "-a", admin, "servers", NULL), " drain ");
    assert_fine(t_weir_run("server", "down", "legacy", server, "-a", admin, "-t", token, NULL),
                "down");
    t_await_answer(t_ask(&weir, "GET", "/", NULL), "GET", 503);
    assert_fine(t_weir_run("server", "up", "legacy", server, "-a", admin, "-t", token, NULL), "up");
    t_round(&weir, &origin, NULL, "/");
    assert_fails(t_weir_run("server", "up", "legacy", "[::1]:9", "-a", admin, "-t", token, NULL), 1,
                 "has no server `[::1]:9`");
    t_weir_end(&weir);
}

Test(cli_commands, the_token_is_shown_from_a_file_or_the_environment)
{
    open_both();
    unsetenv("WEIR_ADMIN_TOKEN");
    assert_fails(t_weir_run("reload", "-a", admin, NULL), 1, "weir: a POST needs");
    setenv("WEIR_ADMIN_TOKEN", "wrong", 1);
    assert_fails(t_weir_run("reload", "-a", admin, NULL), 1, "weir: this is not the token");
    setenv("WEIR_ADMIN_TOKEN", T_TOKEN, 1);
    assert_fine(t_weir_run("reload", "-a", admin, NULL), "generation 2");
    setenv("WEIR_ADMIN_TOKEN", "wrong", 1);
    assert_fine(t_weir_run("reload", "-a", admin, "-t", token, NULL), "generation 3");
    assert_fails(t_weir_run("reload", "-a", admin, "-t", "/nowhere", NULL), 1, "/nowhere");
    t_weir_end(&weir);
}

Test(cli_commands, reload_and_drain)
{
    open_both();
    t_weir_rewrite_config(&weir, "listners: {}\n");
    struct t_run run = t_weir_run("reload", "-a", admin, "-t", token, NULL);
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, "weir.yaml:1:1: ");
    assert_fine(t_weir_run("drain", "-a", admin, "-t", token, NULL), "draining");
    t_assert_number("exit status", t_process_wait(&weir.process), 0);
    assert_fails(t_weir_run("drain", "-a", admin, "-t", token, NULL), 1, "Connection refused");
    assert_fails(t_weir_run("stats", "-a", admin, NULL), 1, "is weir running");
}

Test(cli_commands, stats)
{
    open_both();
    t_round(&weir, &origin, NULL, "/");
    struct t_run run = t_weir_run("stats", "-a", admin, NULL);
    assert_fine(run, "POOL    PAUSED  REQUESTS  ");
    t_assert_contains(run.out, "\nlegacy  no             1  ");
    t_assert_contains(run.out, t_text("\nlegacy  %s  up     up          1         1 ", server));
    t_assert_contains(run.out, "\nweb ");
    t_assert_contains(run.out, "\nWORKER  CLIENTS  ");
    t_assert_lacks(t_weir_run("stats", "-a", admin, "workers", NULL).out, "POOL");

    run = t_weir_run("stats", "-a", admin, "connections", NULL);
    assert_fine(run, "ID  POOL    SERVER ");
    t_assert_contains(run.out, t_text(" legacy  %s  ", server));
    t_assert_contains(run.out, " idle ");
    t_assert_number("lines", strchr(strchr(run.out, '\n') + 1, '\n')[1], 0);

    run = t_weir_run("stats", "--json", "-a", admin, NULL);
    t_assert_number("exit status", run.status, 0);
    json_t *stats = json_loads(run.out, 0, NULL);
    cr_assert_not_null(stats);
    cr_assert_not_null(t_stats_find(stats, "pools/legacy/connections/opened"));
    cr_assert_not_null(t_stats_find(stats, "workers/1/requests/total"));
    json_decref(stats);

    static const char *const parts[][2] = {{"pools", "legacy/queue/waiting"},
                                           {"listeners", "web/requests/total"},
                                           {"workers", "1/requests/total"},
                                           {"servers", "legacy/@server@/weight"},
                                           {"connections", "missing_workers"}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        run = t_weir_run("stats", "-a", admin, "--json", parts[i][0], NULL);
        t_assert_number(parts[i][0], run.status, 0);
        json_t *part = json_loads(run.out, 0, NULL);
        cr_assert_not_null(t_stats_find(part, t_replace(parts[i][1], "@server@", server)), "%s",
                           run.out);
        json_decref(part);
    }
    t_weir_end(&weir);
}

Test(cli_commands, stats_of_nothing)
{
    static const char body[] = "{\"weir\": {}, \"pools\": {}}";
    struct t_process process;
    t_origin_open(&origin);
    const char *args[] = {WEIR_BINARY, "stats", "-a", t_text("127.0.0.1:%d", origin.port), NULL};
    t_process_start(&process, "weir stats", args, false, true);
    struct t_conn *conn = t_accept(&origin);
    t_read_request(conn);
    t_send(conn,
           t_text("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", sizeof(body) - 1, body));
    t_close(conn);
    t_assert_number("exit status", t_process_wait(&process), 0);
    t_assert_contains(t_process_out(&process), "\n(no pools)\n\nPOOL  SERVER  ");
    t_assert_contains(t_process_out(&process), "\n(no workers)\n");
}

/* Something else listens there. */
Test(cli_commands, other_servers_are_told_apart)
{
    static const char *const answers[] = {"SSH-2.0-OpenSSH_9.2\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
                                          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", ""};
    t_origin_open(&origin);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct t_process process;
        const char *args[] = {WEIR_BINARY, "stats", "-a", t_text("127.0.0.1:%d", origin.port),
                              NULL};
        t_process_start(&process, "weir stats", args, false, false);
        struct t_conn *conn = t_accept(&origin);
        t_read_request(conn);
        t_send(conn, answers[i]);
        t_close(conn);
        t_assert_number("exit status", t_process_wait(&process), 1);
        t_assert_contains(t_process_err(&process), "is not weir's admin endpoint");
    }
}

Test(cli_commands, wrong_usage)
{
    assert_fails(t_weir_run("pool", NULL), 2, "--help");
    assert_fails(t_weir_run("pool", "pause", NULL), 2, "--help");
    assert_fails(t_weir_run("stats", "-a", "nonsense", NULL), 2, "write HOST:PORT");
    assert_fails(t_weir_run("reload", "-a", ":0x", NULL), 2, "weir: ");
    assert_fails(t_weir_run("pool", "stop", "legacy", NULL), 2, "`stop`");
    assert_fails(t_weir_run("pool", "pause", "a", "b", NULL), 2, "--help");
    assert_fails(t_weir_run("pool", "pause", "a", "--dry-run", NULL), 2, "`--dry-run`");
    assert_fails(t_weir_run("server", "up", "a", NULL), 2, "--help");
    assert_fails(t_weir_run("server", "off", "a", "b", NULL), 2, "`off`");
    assert_fails(t_weir_run("reload", "now", NULL), 2, "`now`");
    assert_fails(t_weir_run("drain", "--dry-run", NULL), 2, "`--dry-run`");
    assert_fails(t_weir_run("drain", "-a", NULL), 2, "`-a`");
    assert_fails(t_weir_run("stats", "flows", NULL), 2, "`flows`");
    assert_fails(t_weir_run("stats", "pools", "servers", NULL), 2, "`servers`");
    assert_fails(t_weir_run("stats", "-a", "nowhere", NULL), 2, "nowhere");
    static const char *const names[] = {"pool", "server", "reload", "drain", "stats"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_fine(t_weir_run(names[i], "--help", NULL), "-a, --admin ADMIN");
}
