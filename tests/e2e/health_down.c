/* A server that checks find down gets no requests while another is up, and its connections close.
 */
#include "support/t_health.h"

#include <signal.h>
#include <string.h>

#define CHECKS "    health: {interval: 10ms, timeout: 1h, rise: 1, fall: 1}\n"

static struct t_moody moodies[2];
static struct t_weir weir;
static struct t_shape shape;
static int ports[2];

static void open_all(int n, const char *pool)
{
    for (int i = 0; i < 2; i++) {
        t_moody_open(&moodies[i]);
        ports[i] = moodies[i].origin.port;
    }
    shape = (struct t_shape){.servers = t_servers(ports, n), .pool = pool, .token = true};
    t_weir_start_shape(&weir, &shape);
}

static void reload(void)
{
    t_weir_reshape(&weir, &shape);
    t_order(&weir, "/reload", 202);
}

static void check_says(int server, enum t_mood mood)
{
    atomic_store(&moodies[server].for_checks, mood);
    t_server_await_state(&weir, ports[server], mood == T_FINE ? "up" : "down");
}

/* All go to this one. */
static void goes_to(int server, int requests)
{
    for (int i = 0; i < requests; i++)
        t_assert_number("who answers", t_who(&weir, "/"), ports[server]);
}

Test(health_down, nothing_goes_there_and_idle_connections_close_at_once)
{
    open_all(2, "    balance: round_robin\n" CHECKS);
    for (int i = 0; i < 8; i++)
        (void)t_who(&weir, "/");
    t_pool_await(&weir, "connections/active", 0);
    int64_t idle = t_server_number(&weir, ports[0], "connections/idle");
    int requests = atomic_load(&moodies[0].requests);
    cr_assert_gt(idle, 0);
    check_says(0, T_ERROR);
    t_stats_await(
        &weir, t_text("pools/legacy/servers/127.0.0.1:%d/connections/closed/server_gone", ports[0]),
        idle);
    t_assert_number("idle", t_server_number(&weir, ports[0], "connections/idle"), 0);
    t_assert_number("of the other",
                    t_server_number(&weir, ports[1], "connections/closed/server_gone"), 0);
    goes_to(1, 20);
    t_assert_number("requests", atomic_load(&moodies[0].requests), requests);
    t_weir_end(&weir);
}

/* Scripted origins. Only server 0 is asked, once: the first check of server 1 is due in minutes.
 * Returns that check. */
static struct t_conn *open_scripted(struct t_origin origins[2], const char *pool)
{
    for (int i = 0; i < 2; i++) {
        t_origin_open(&origins[i]);
        ports[i] = origins[i].port;
    }
    t_weir_start_shape(
        &weir, &(struct t_shape){.servers = t_servers(ports, 2),
                                 .pool = t_text("    health: {interval: 1h, timeout: 1h, fall: 1}\n"
                                                "%s",
                                                pool)});
    return t_accept(&origins[0]);
}

Test(health_down, what_it_has_in_hand_finishes)
{
    struct t_origin origins[2];
    struct t_conn *check = open_scripted(origins, "");
    struct t_conn *client = t_ask(&weir, "GET", "/in-hand", NULL);
    struct t_conn *upstream = t_accept(&origins[0]);
    t_assert_text(t_read_request(upstream)->target, "/in-hand");
    t_reset(check);
    t_server_await_state(&weir, ports[0], "down");
    struct t_conn *other = t_round(&weir, &origins[1], NULL, "/1");
    t_round(&weir, &origins[1], other, "/2");
    t_answer(upstream, "x");
    t_await_answer(client, "GET", 200);
    t_expect_reset(upstream);
    t_assert_number("gone", t_server_number(&weir, ports[0], "connections/closed/server_gone"), 1);
    t_weir_end(&weir);
}

Test(health_down, who_waits_goes_elsewhere)
{
    struct t_origin origins[2];
    struct t_conn *check = open_scripted(origins, "    connections: {max: 1}\n"
                                                  "    queue: {timeout: 1h}\n");
    struct t_conn *clients[6], *upstreams[2];
    for (int i = 0; i < 2; i++) {
        clients[i] = t_ask(&weir, "GET", "/", NULL);
        upstreams[i] = t_accept(&origins[i]);
        t_read_request(upstreams[i]);
    }
    for (int i = 2; i < 6; i++)
        clients[i] = t_ask(&weir, "GET", "/", NULL);
    t_pool_await(&weir, "queue/waiting", 4);
    t_reset(check);
    t_server_await_state(&weir, ports[0], "down");
    /* What comes free there is not for them. */
    t_answer(upstreams[0], "x");
    t_await_answer(clients[0], "GET", 200);
    t_expect_reset(upstreams[0]);
    for (int i = 1; i < 6; i++) {
        t_answer(upstreams[1], "x");
        if (i < 5)
            t_read_request(upstreams[1]);
    }
    for (int i = 1; i < 6; i++)
        t_await_answer(clients[i], "GET", 200);
    /* The check and the request that it had. */
    t_assert_number("connections", t_origin_connections(&origins[0]), 2);
    t_weir_end(&weir);
}

Test(health_down, when_all_are_they_are_tried_all_the_same)
{
    open_all(2, "    balance: round_robin\n" CHECKS);
    check_says(0, T_ERROR);
    check_says(1, T_CLOSES);
    int before[2] = {atomic_load(&moodies[0].requests), atomic_load(&moodies[1].requests)};
    for (int i = 0; i < 8; i++)
        (void)t_who(&weir, "/");
    for (int i = 0; i < 2; i++)
        cr_assert_gt(atomic_load(&moodies[i].requests), before[i]);
    check_says(1, T_FINE);
    goes_to(1, 10);
    t_weir_end(&weir);
}

/* The health path is wrong, the server is not: it works on, and its connections are kept. */
Test(health_down, a_single_server_works_on)
{
    open_all(1, CHECKS);
    check_says(0, T_ERROR);
    goes_to(0, 20);
    t_pool_assert(&weir, "connections/opened", 1);
    t_pool_assert(&weir, "connections/idle", 1);
    int checks = atomic_load(&moodies[0].checks);
    t_await_count(&moodies[0].checks, checks + 3);
    t_pool_assert(&weir, "connections/idle", 1);
    t_server_assert_state(&weir, ports[0], "down");
    t_weir_end(&weir);
}

Test(health_down, the_backup_takes_over)
{
    open_all(1, CHECKS);
    shape.servers = t_text("[{address: \"127.0.0.1:%d\"}, "
                           "{address: \"127.0.0.1:%d\", backup: true}]",
                           ports[0], ports[1]);
    reload();
    goes_to(0, 3);
    check_says(0, T_CLOSES);
    goes_to(1, 3);
    /* All down: no backup more than another. */
    check_says(1, T_CLOSES);
    goes_to(0, 3);
    check_says(0, T_FINE);
    goes_to(0, 3);
    t_weir_end(&weir);
}

/* One of those who wait for the only server is given a connection that the server has just closed,
 * and waits once more: by then it is known that the server is down. */
Test(health_down, who_waits_once_more_is_served_too)
{
    enum { WAITERS = 4 };
    struct t_origin origin;
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir, &(struct t_shape){.port = origin.port,
                                 .pool = "    connections: {max: 1}\n    queue: {timeout: 1h}\n"
                                         "    health: {interval: 1h, timeout: 1h, fall: 1}\n"});
    struct t_conn *check = t_accept(&origin), *clients[WAITERS + 1], *upstream = NULL;
    for (int i = 0; i <= WAITERS; i++) {
        clients[i] = t_ask(&weir, "GET", "/", NULL);
        if (i == 0)
            t_read_request(upstream = t_accept(&origin));
    }
    t_pool_await(&weir, "queue/waiting", WAITERS);
    t_reset(check);
    t_server_await_state(&weir, origin.port, "down");
    t_answer(upstream, "x");
    t_expect_reset(upstream);
    t_read_request(upstream = t_accept(&origin));
    t_weir_freeze(&weir);
    t_answer(upstream, "x");
    t_close(upstream);
    t_weir_thaw(&weir);
    t_pool_await(&weir, "connections/closed/by_server_idle", 1);
    upstream = t_accept(&origin);
    for (int i = 2; i <= WAITERS; i++) {
        t_read_request(upstream);
        t_answer(upstream, "x");
    }
    for (int i = 0; i <= WAITERS; i++)
        t_await_answer(clients[i], "GET", 200);
    t_weir_end(&weir);
}

/* An operator's word stands above all: never a request, though no other is well. */
Test(health_down, what_an_operator_took_down_is_not_tried)
{
    open_all(2, CHECKS);
    t_order(&weir, t_text("/pools/legacy/servers/127.0.0.1:%d/down", ports[0]), 200);
    check_says(1, T_ERROR);
    goes_to(1, 5);
    t_order(&weir, t_text("/pools/legacy/servers/127.0.0.1:%d/down", ports[1]), 200);
    struct t_message *answer = t_try(&weir);
    t_assert_number("status", answer->status, 503);
    t_assert_contains(answer->body, "no server is up");
    cr_assert(t_field(answer, "Retry-After"));
    t_assert_number("requests", atomic_load(&moodies[0].requests), 0);
    t_weir_end(&weir);
}

/* Lets pass what would be ten checks. */
static void let_time_pass(void)
{
    for (int64_t end = t_now_ms() + 100; t_now_ms() < end;)
        t_server_assert_state(&weir, ports[1], "up");
}

Test(health_down, without_checks_nobody_is)
{
    open_all(2, "    balance: round_robin\n" CHECKS);
    check_says(0, T_ERROR);
    shape.pool = "    balance: round_robin\n";
    reload();
    t_server_assert_state(&weir, ports[0], "up");
    int checks = atomic_load(&moodies[1].checks), requests = atomic_load(&moodies[0].requests);
    let_time_pass();
    /* The last may have been under way. */
    cr_assert_leq(atomic_load(&moodies[1].checks), checks + 1);
    for (int i = 0; i < 4; i++)
        (void)t_who(&weir, "/");
    cr_assert_gt(atomic_load(&moodies[0].requests), requests);
    shape.pool = CHECKS;
    reload();
    t_server_await_state(&weir, ports[0], "down");
    t_weir_end(&weir);
}

Test(health_down, a_reload_changes_the_checks_and_keeps_what_they_found)
{
    open_all(2, CHECKS);
    check_says(0, T_ERROR);
    atomic_store(&moodies[0].for_checks, T_SILENT);
    t_await_count(&moodies[0].silences, 1);
    atomic_store(&moodies[0].for_checks, T_FINE);
    /* The same checks go on, that is: the one that hangs is the last for now. */
    reload();
    let_time_pass();
    t_server_assert_state(&weir, ports[0], "down");
    shape.pool = "    health: {interval: 10ms, timeout: 1h, rise: 1, fall: 1, path: /healthz2}\n";
    reload();
    t_server_await_state(&weir, ports[0], "up");
    t_weir_end(&weir);
}

Test(health_down, who_leaves_is_asked_no_more)
{
    open_all(2, CHECKS);
    atomic_store(&moodies[0].for_checks, T_SILENT);
    t_await_count(&moodies[0].silences, 1);
    shape.servers = t_servers(&ports[1], 1);
    reload();
    t_tcp_await(T_TCP_REMOTE, ports[0], T_TCP_ESTABLISHED, 0);
    int checks = atomic_load(&moodies[0].checks);
    int others = atomic_load(&moodies[1].checks);
    t_await_count(&moodies[1].checks, others + 10);
    t_assert_number("checks", atomic_load(&moodies[0].checks), checks);
    /* It comes back as one that nothing is known of. */
    atomic_store(&moodies[0].for_checks, T_FINE);
    shape.servers = t_servers(ports, 2);
    reload();
    t_await_count(&moodies[0].checks, checks + 2);
    t_server_assert_state(&weir, ports[0], "up");
    t_weir_end(&weir);
}

Test(health_down, to_and_fro_under_load_fails_no_request)
{
    open_all(2, "    connections: {max: 3}\n    queue: {timeout: 1h}\n" CHECKS);
    struct t_load_beside beside = {.load = t_steady_load(&weir, 16, 2000)};
    t_load_start(&beside);
    for (int i = 0; i < 16; i++) {
        t_stats_await_at_least(&weir, "pools/legacy/requests/total", i * 100);
        check_says(i / 2 % 2, i % 2 ? T_FINE : T_ERROR);
    }
    t_load_join(&beside);
    t_load_assert_ok(&beside.load, &beside.result);
    t_weir_end(&weir);
}

Test(health_down, fifty_servers_every_10_ms)
{
    struct t_origin many;
    char *servers = t_text("[");
    t_origin_open_on(&many, "0.0.0.0");
    for (int i = 1; i <= 50; i++)
        servers = t_text("%s%s{address: \"127.0.0.%d:%d\"}", servers, i > 1 ? ", " : "", i,
                         many.port);
    t_moody_open(&moodies[0]); /* for its answers only */
    ports[1] = many.port;
    t_origin_close(&many);
    moodies[0].origin = many;
    t_moody_return(&moodies[0]);
    shape = (struct t_shape){.servers = t_text("%s]", servers), .pool = CHECKS, .token = true};
    t_weir_start_shape(&weir, &shape);
    for (int i = 1; i <= 4; i++) {
        t_await_count(&moodies[0].checks, i * 150);
        atomic_store(&moodies[0].for_checks, i % 2 ? T_SILENT : T_FINE);
        shape.pool = i % 2 ? "    health: {interval: 10ms, timeout: 20ms}\n" : CHECKS;
        reload();
        t_assert_number("status", t_try(&weir)->status, 200);
    }
    cr_assert_lt(t_process_descriptors(&weir.process), 150);
    t_assert_number("TIME_WAIT", t_tcp_count(T_TCP_REMOTE, many.port, T_TCP_TIME_WAIT), 0);
    t_weir_end(&weir);
}
