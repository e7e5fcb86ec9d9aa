/* An answer that fails keeps what was known, and is told of once; at the start, and of a new name
 * at a reload, it is a fault. */
#include "support/t_ask.h"

#include <signal.h>
#include <string.h>

static struct t_dns dns;
static struct t_weir weir;
static struct t_origin origin;

static struct t_shape shape;

static void start(const char *timeout)
{
    t_origin_open(&origin);
    t_dns_open(&dns);
    t_dns_set(&dns, "fleet.test 1 A 127.0.0.1\n");
    shape = (struct t_shape){.workers = 1,
                             .servers = t_text("[{address: \"fleet.test:%d\"}]", origin.port),
                             .top = t_dns_yaml(&dns, timeout)};
    t_weir_start_shape(&weir, &shape);
}

static int count(const char *text, const char *what)
{
    int n = 0;
    while ((text = strstr(text, what)) != NULL) {
        text += strlen(what);
        n++;
    }
    return n;
}

/* The server stays in use through ZONE, the log says WHY once, and it ends. */
static void expect_kept(const char *zone, const char *why)
{
    start("2s");
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/before");
    t_dns_set(&dns, "%s", zone);
    t_weir_await_log(&weir, t_text("names: fleet.test: %s; what was known of it stays", why));
    t_dns_await_questions(&dns, "fleet.test", T_DNS_A, 2);
    t_round(&weir, &origin, upstream, "/meanwhile");
    t_dns_set(&dns, "fleet.test 1 A 127.0.0.1\n");
    t_weir_await_log(&weir, "names: fleet.test: answered again");
    t_round(&weir, &origin, upstream, "/after");
    t_stats_assert(&weir, "weir/revision", 1);
    t_assert_number("warnings", count(t_weir_log(&weir), "what was known of it stays"), 1);
    t_weir_end(&weir);
}

Test(names_failing, servfail)
{
    expect_kept("fleet.test 0 SERVFAIL\n", "no name server could be reached, or none could answer");
}

Test(names_failing, refused)
{
    expect_kept("fleet.test 0 REFUSED\n", "no name server could be reached, or none could answer");
}

Test(names_failing, no_such_name)
{
    expect_kept("", "there is no such name");
}

Test(names_failing, no_address)
{
    expect_kept("fleet.test 0 NODATA\n", "the name has no such records");
}

Test(names_failing, garbage)
{
    expect_kept("fleet.test 0 GARBAGE\n", "the answer is not valid");
}

Test(names_failing, silence)
{
    expect_kept("fleet.test 0 SILENCE\n", "no name server answered in time");
}

/* An answer to a question that was given up is nobody's. */
Test(names_failing, a_late_answer)
{
    expect_kept("fleet.test 0 LATE\nfleet.test 1 A 127.0.0.9\n", "no name server answered in time");
}

/* Whatever weir is at when it is told to end. */
Test(names_failing, silence_does_not_hold_up_the_end)
{
    start("60s");
    t_dns_set(&dns, "fleet.test 0 SILENCE\n");
    t_dns_await_questions(&dns, "fleet.test", T_DNS_A, 1);
    t_weir_end(&weir);
}

static struct t_run run_in_vain(const char *zone)
{
    t_dns_open(&dns);
    t_dns_set(&dns, "%s", zone);
    char *path = t_write_file(
        "weir.yaml", t_text("%sadmin: {listen: off}\n"
                            "listeners: {web: {listen: [\"127.0.0.1:%d\"], pool: legacy}}\n"
                            "pools: {legacy: {servers: [{address: \"fleet.test:9001\"}]}}\n",
                            t_dns_yaml(&dns, "2s"), t_free_port()));
    return t_weir_run("run", "-c", path, NULL);
}

Test(names_failing, at_the_start_is_a_fault)
{
    static const char *const rows[][2] = {
        {"", "there is no such name"},
        {"fleet.test 0 NODATA\n", "the name has no such records"},
        {"fleet.test 0 SERVFAIL\n", "no name server could be reached"},
        {"fleet.test 0 SILENCE\n", "no name server answered in time"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct t_run run = run_in_vain(rows[i][0]);
        t_assert_number("exit status", run.status, 1);
        t_assert_contains(run.err, t_text("weir: pools.legacy: server fleet.test:9001: the name "
                                          "cannot be resolved: %s",
                                          rows[i][1]));
    }
}

/* A check asks nobody. */
Test(names_failing, is_nothing_to_a_check)
{
    struct t_run run = t_weir_check(
        "resolver: {servers: [\"127.0.0.1:1\"]}\n"
        "listeners: {web: {listen: [\"127.0.0.1:1\"], pool: legacy}}\n"
        "pools: {legacy: {servers: [{address: \"nowhere.test:9001\"}]}}\n");
    t_assert_number("exit status", run.status, 0);
}

Test(names_failing, of_a_new_name_a_reload_changes_nothing)
{
    start("2s");
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/before");
    char *former = t_text("%s", shape.servers);
    shape.servers = t_text("[{address: \"fleet.test:%d\"}, {address: \"new.test:%d\"}]",
                           origin.port, origin.port);
    t_weir_reshape(&weir, &shape);
    t_weir_signal(&weir, SIGHUP);
    t_weir_await_next_log(&weir, "reload: pools.legacy: server new.test");
    t_stats_assert(&weir, "weir/generation", 1);
    t_stats_await_size(&weir, "pools/legacy/servers", 1);
    t_round(&weir, &origin, upstream, "/meanwhile");

    /* What is known already may fail: it stays. */
    t_dns_set(&dns, "new.test 1 A 127.0.0.2\nfleet.test 0 SILENCE\n");
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", 2);
    t_stats_await_size(&weir, "pools/legacy/servers", 2);
    shape.servers = former;
    t_weir_reshape(&weir, &shape);
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", 3);
    t_round(&weir, &origin, upstream, "/after");
    t_weir_end(&weir);
}
