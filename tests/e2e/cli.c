/* The command line does what it says, and its exit status tells how that went: 0, 1 or 2.
 * ctest: serial */
#include "support/t_ask.h"

#include <string.h>

enum { ADMIN_PORT = 8900 };

static const char good[] = "admin: {listen: off}\n"
                           "listeners: {web: {listen: [\"127.0.0.1:@port@\"], pool: legacy}}\n"
                           "pools: {legacy: {servers: [{address: \"127.0.0.1:@port2@\"}]}}\n";

/* One line, and what it says. */
static void assert_wrong_usage(struct t_run run, const char *what)
{
    t_assert_number("exit status", run.status, 2);
    t_assert_text(run.out, "");
    t_assert_contains(run.err, what);
    t_assert_contains(run.err, "--help");
    cr_assert_eq(strchr(run.err, '\n'), run.err + strlen(run.err) - 1, "%s", run.err);
}

static void assert_fine(struct t_run run, const char *what)
{
    t_assert_number("exit status", run.status, 0);
    t_assert_contains(run.out, what);
    t_assert_text(run.err, "");
}

Test(cli, version_and_help)
{
    assert_fine(t_weir_run("--version", NULL), "weir 0.");
    assert_fine(t_weir_run("--help", NULL), "check");
    assert_fine(t_weir_run("run", "--help", NULL), "--listen");
    assert_fine(t_weir_run("check", "--help", NULL), "--print");
}

Test(cli, wrong_usage)
{
    assert_wrong_usage(t_weir_run("flow", NULL), "`flow`");
    assert_wrong_usage(t_weir_run("--flow", NULL), "`--flow`");
    assert_wrong_usage(t_weir_run("run", "--flow", NULL), "`--flow`");
    assert_wrong_usage(t_weir_run("run", "-c", NULL), "`-c`");
    assert_wrong_usage(t_weir_run("run", "extra", NULL), "`extra`");
    assert_wrong_usage(t_weir_run("run", "--listen", ":1", NULL), "--to");
    assert_wrong_usage(t_weir_run("run", "--to", ":1", NULL), "--listen");
    assert_wrong_usage(t_weir_run("run", "-c", "x", "--listen", ":1", "--to", ":2", NULL),
                       "together");
    assert_wrong_usage(t_weir_run("check", "--flow", NULL), "`--flow`");
    assert_wrong_usage(t_weir_run("check", "extra", NULL), "`extra`");
}

Test(cli, check_says_fine)
{
    assert_fine(t_weir_check(good), "fine");
}

Test(cli, check_names_every_fault_with_its_place)
{
    struct t_run run = t_weir_check("listners: {}\n"
                                    "listeners:\n"
                                    "  web: {listen: [\"127.0.0.1:1\"], pool: nowhere}\n"
                                    "pools:\n"
                                    "  legacy:\n"
                                    "    servers: [{address: \"127.0.0.1:2\"}]\n"
                                    "    timeouts: {connect: 2}\n");
    t_assert_number("exit status", run.status, 1);
    t_assert_text(run.out, "");
    t_assert_contains(run.err, "check.yaml:1:1: ");
    t_assert_contains(run.err, "listeners");
    t_assert_contains(run.err, "check.yaml:3:40: ");
    t_assert_contains(run.err, "check.yaml:7:25: ");
}

/* What it prints is a configuration that means the same. */
Test(cli, check_print_can_be_read_back)
{
    char *file = t_write_file("one.yaml", "listeners: {web: {listen: [\":1\"], pool: p}}\n"
                                          "pools: {p: {servers: [{address: \"h:2\"}]}}\n");
    struct t_run first = t_weir_run("check", "-c", file, "--print", NULL);
    assert_fine(first, "idle_timeout: 55s");
    file = t_write_file("two.yaml", first.out);
    struct t_run second = t_weir_run("check", "-c", file, "--print", NULL);
    assert_fine(second, "");
    t_assert_text(second.out, first.out);
}

Test(cli, a_file_that_cannot_be_used)
{
    static const char *const commands[] = {"run", "check"};
    for (int i = 0; i < 2; i++) {
        struct t_run run = t_weir_run(commands[i], "-c", "@dir@/absent.yaml", NULL);
        t_assert_number("exit status", run.status, 1);
        t_assert_contains(run.err, "absent.yaml");
        run = t_weir_run(commands[i], "-c", "@dir@", NULL);
        t_assert_number("exit status", run.status, 1);
        run = t_weir_run(commands[i], "-c", t_write_file("bad.yaml", "pools: ["), NULL);
        t_assert_number("exit status", run.status, 1);
        t_assert_contains(run.err, "bad.yaml:2:1: ");
    }
}

Test(cli, a_port_that_is_taken)
{
    struct t_origin taken;
    t_origin_open(&taken);
    char *yaml = t_replace(good, "@port@", t_text("%d", taken.port));
    char *file = t_write_file("taken.yaml", t_replace(yaml, "@port2@", "1"));
    struct t_run run = t_weir_run("run", "-c", file, NULL);
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, t_text("127.0.0.1:%d", taken.port));
    t_assert_contains(run.err, "in use");

    file = t_write_file("admin.yaml", t_replace(t_replace(good, "@port@", "1"), "listen: off",
                                                t_text("listen: \"127.0.0.1:%d\"", taken.port)));
    run = t_weir_run("run", "-c", file, NULL);
    t_assert_number("exit status", run.status, 1);
}

/* A second weir does not share the port of the first without a word (SO_REUSEPORT would). */
Test(cli, a_port_that_another_weir_has)
{
    struct t_weir weir;
    t_weir_start(&weir, "%s", good);
    struct t_run run = t_weir_run("run", "-c", weir.config, NULL);
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, "in use");
    t_weir_stop(&weir);
}

Test(cli, admin_off)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start(&weir, "%s", t_replace(good, "@port2@", t_text("%d", origin.port)));
    t_assert_contains(t_weir_log(&weir), "admin off");
    t_assert_number("listening", t_tcp_count(T_TCP_LOCAL, weir.admin_port, T_TCP_LISTEN), 0);
    t_round(&weir, &origin, NULL, "/");
    t_weir_stop(&weir);
}

Test(cli, run_without_a_file)
{
    struct t_origin origins[2];
    struct t_weir weir;
    if (t_tcp_count(T_TCP_LOCAL, ADMIN_PORT, T_TCP_LISTEN) > 0)
        cr_skip_test("somebody else listens at the default admin port");
    for (int i = 0; i < 2; i++)
        t_origin_open(&origins[i]);
    t_weir_start_args(&weir, "run", "--listen", "127.0.0.1:@port@", "--listen", "127.0.0.1:@port2@",
                      "--to", t_text("127.0.0.1:%d", origins[0].port),
                      t_text("127.0.0.1:%d", origins[1].port), NULL);
    weir.admin_port = ADMIN_PORT;
    struct t_conn *one = t_ask(&weir, "GET", "/", NULL);
    t_stats_await(&weir, "pools/main/connections/active", 1);
    weir.port = weir.port2;
    struct t_conn *two = t_ask(&weir, "GET", "/", NULL);
    t_stats_await(&weir, "pools/main/connections/active", 2);
    for (int i = 0; i < 2; i++)
        t_serve(t_accept(&origins[i]), "/");
    t_await_answer(one, "GET", 200);
    t_await_answer(two, "GET", 200);
    t_stats_assert(&weir, "listeners/main/requests/2xx", 2);
    t_weir_end(&weir);
}
