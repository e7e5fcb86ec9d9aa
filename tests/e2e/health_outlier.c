/* A server at which requests fail again and again gets none for a while; what is not its fault does
 * not count. */
#include "support/t_health.h"

#include <string.h>
#include <sys/socket.h>

static struct t_moody moodies[2];
static struct t_origin origins[2]; /* scripted */
static struct t_weir weir;
static int ports[2];

static void start(int n, const char *pool)
{
    t_weir_start_shape(&weir, &(struct t_shape){.servers = t_servers(ports, n), .pool = pool});
}

static void open_all(int n, const char *pool)
{
    for (int i = 0; i < n; i++) {
        t_moody_open(&moodies[i]);
        ports[i] = moodies[i].origin.port;
    }
    start(n, pool);
}

static void expect_failures(int64_t failures, int64_t ejections)
{
    t_assert_number("failures", t_server_number(&weir, ports[0], "health/failures"), failures);
    t_assert_number("ejections", t_server_number(&weir, ports[0], "health/ejections"), ejections);
}

static void is_ejected_and_left_alone(void)
{
    t_server_assert_state(&weir, ports[0], "ejected");
    int64_t opened = t_server_number(&weir, ports[0], "connections/opened");
    for (int i = 0; i < 20; i++)
        t_assert_number("who answers", t_who(&weir, "/"), ports[1]);
    t_assert_number("opened", t_server_number(&weir, ports[0], "connections/opened"), opened);
    expect_failures(t_server_number(&weir, ports[0], "health/failures"), 1);
    t_assert_number("ejections", t_server_number(&weir, ports[1], "health/ejections"), 0);
}

/* The retries hide it from clients, too. */
Test(health_outlier, refused_connections)
{
    open_all(2, "    balance: round_robin\n    outlier: {failures: 3, eject: 1h}\n");
    t_moody_leave(&moodies[0]);
    for (int i = 0; i < 20; i++)
        t_assert_number("who answers", t_who(&weir, "/"), ports[1]);
    expect_failures(3, 1);
    is_ejected_and_left_alone();
    t_weir_end(&weir);
}

/* The queue of its kernel is full: nobody answers who knocks. */
Test(health_outlier, connections_that_take_too_long)
{
    t_origin_open(&origins[0]);
    ports[0] = origins[0].port;
    cr_assert_eq(listen(origins[0].fd, 0), 0);
    struct t_conn *first = t_connect(ports[0]);
    start(1, "    timeouts: {connect: 50ms}\n    retry: {attempts: 0}\n"
             "    outlier: {failures: 2, eject: 1h}\n");
    t_assert_number("status", t_try(&weir)->status, 502);
    t_assert_number("status", t_try(&weir)->status, 503);
    expect_failures(2, 1);
    t_pool_assert(&weir, "connections/closed/timeout", 2);
    t_close(t_accept(&origins[0]));
    t_close(first);
    t_round(&weir, &origins[0], NULL, "/");
    t_server_assert_state(&weir, ports[0], "up");
    t_weir_end(&weir);
}

/* Within TIMEOUT the other server must have answered, on any machine. */
static void mood_ejects(enum t_mood mood, int status, const char *timeout)
{
    open_all(2, t_text("    balance: round_robin\n    timeouts: {response: %s}\n"
                       "    outlier: {failures: 3, eject: 1h}\n    retry: {attempts: 0}\n",
                       timeout));
    atomic_store(&moodies[0].for_requests, mood);
    int failed = 0, asked = 0;
    while (strcmp(t_server_state(&weir, ports[0]), "ejected") != 0 && asked++ < 50) {
        int got = t_try(&weir)->status;
        cr_assert(got == 200 || got == status, "the status is %d", got);
        failed += got == status;
    }
    t_assert_number("failed", failed, 3);
    is_ejected_and_left_alone();
    t_weir_end(&weir);
}

Test(health_outlier, no_answers)
{
    mood_ejects(T_SILENT, 504, "3s");
}

Test(health_outlier, answers_that_are_no_http)
{
    mood_ejects(T_NONSENSE, 502, "1h");
}

Test(health_outlier, new_connections_that_end_without_an_answer)
{
    mood_ejects(T_CLOSES, 502, "1h");
}

Test(health_outlier, not_what_the_server_says_itself)
{
    open_all(1, "    outlier: {failures: 1, eject: 1h}\n");
    atomic_store(&moodies[0].for_requests, T_ERROR);
    for (int i = 0; i < 20; i++)
        t_assert_number("status", t_try(&weir)->status, 500);
    expect_failures(0, 0);
    t_weir_end(&weir);
}

/* Each POST meets a server that closes just under it. */
Test(health_outlier, not_races_on_kept_connections)
{
    struct t_real_origin real;
    t_real_origin_start(&real, NULL);
    ports[0] = real.port;
    start(1, "    outlier: {failures: 1, eject: 1h}\n    retry: {non_idempotent: off}\n");
    for (int i = 0; i < 10; i++) {
        t_one_shot(&weir, "/?fail=close_on_next_request");
        t_pool_await(&weir, "connections/idle", 1);
        struct t_conn *client = t_ask(&weir, "POST", "/", "Content-Length: 0\r\n");
        t_await_answer(client, "POST", 502);
    }
    t_pool_assert(&weir, "races/seen", 10);
    expect_failures(0, 0);
    t_server_assert_state(&weir, ports[0], "up");
    t_weir_end(&weir);
    t_real_origin_stop(&real);
}

Test(health_outlier, not_clients_that_leave)
{
    t_origin_open(&origins[0]);
    ports[0] = origins[0].port;
    start(1, "    outlier: {failures: 1, eject: 1h}\n");
    for (int i = 1; i <= 5; i++) {
        struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
        struct t_conn *upstream = t_accept(&origins[0]);
        t_read_request(upstream);
        t_reset(client);
        /* More than fits anywhere. */
        t_send(upstream, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        static char block[64 * 1024];
        while (t_try_send(upstream, block, sizeof(block)))
            continue;
        t_pool_await(&weir, "connections/closed/client_gone", i);
    }
    expect_failures(0, 0);
    t_weir_end(&weir);
}

Test(health_outlier, an_answer_in_between_begins_anew)
{
    open_all(1, "    outlier: {failures: 3, eject: 1h}\n");
    for (int i = 0; i < 3; i++) {
        atomic_store(&moodies[0].for_requests, T_NONSENSE);
        for (int k = 1; k <= 2; k++) {
            t_assert_number("status", t_try(&weir)->status, 502);
            expect_failures(k, 0);
        }
        atomic_store(&moodies[0].for_requests, i % 2 ? T_ERROR : T_FINE);
        (void)t_try(&weir);
        expect_failures(0, 0);
    }
    atomic_store(&moodies[0].for_requests, T_NONSENSE);
    t_assert_number("requests", t_until_ejected(&weir, ports[0], 3), 3);
    t_weir_end(&weir);
}

/* Also when it has answered since. */
Test(health_outlier, on_its_return_the_first_failure_is_enough)
{
    open_all(1, "    retry: {attempts: 0}\n    outlier: {failures: 3, eject: 100ms}\n");
    t_moody_leave(&moodies[0]);
    t_assert_number("requests", t_until_ejected(&weir, ports[0], 3), 3);
    t_weir_await_log(&weir, "ejected for 100 ms: 3 requests in a row failed at it");
    for (int ms = 200; ms <= 400; ms *= 2) {
        t_server_await_state(&weir, ports[0], "up");
        t_moody_return(&moodies[0]);
        t_one_shot(&weir, "/");
        expect_failures(0, ms / 200);
        t_moody_leave(&moodies[0]);
        t_pool_await(&weir, "connections/idle", 0);
        t_assert_number("requests", t_until_ejected(&weir, ports[0], 1), 1);
        t_weir_await_log(&weir, t_text("ejected for %d ms: 1 requests in a row", ms));
    }
    t_weir_end(&weir);
}

Test(health_outlier, off_is_off)
{
    open_all(1, "    retry: {attempts: 0}\n    outlier: {failures: 0}\n");
    t_moody_leave(&moodies[0]);
    for (int i = 0; i < 20; i++)
        t_assert_number("status", t_try(&weir)->status, 502);
    t_server_assert_state(&weir, ports[0], "up");
    expect_failures(20, 0);
    t_weir_end(&weir);
}

/* Its idle connections are closed, also those of the other worker. */
Test(health_outlier, its_connections_are_retired)
{
    enum { CONNECTIONS = 9 };
    t_origin_open(&origins[0]);
    ports[0] = origins[0].port;
    start(1, "    outlier: {failures: 1, eject: 1h}\n");
    struct t_conn *clients[CONNECTIONS], *upstreams[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = t_ask(&weir, "GET", "/", NULL);
        upstreams[i] = t_accept(&origins[0]);
        t_read_request(upstreams[i]);
    }
    /* One stays busy: it was opened before the ejection, and goes when it comes free. */
    for (int i = 0; i < CONNECTIONS - 2; i++) {
        t_answer(upstreams[i], "x");
        t_await_answer(clients[i], "GET", 200);
    }
    t_pool_await(&weir, "connections/idle", CONNECTIONS - 2);
    t_send(upstreams[CONNECTIONS - 2], "nonsense\r\n\r\n");
    t_await_answer(clients[CONNECTIONS - 2], "GET", 502);
    for (int i = 0; i < CONNECTIONS - 2; i++)
        t_expect_reset(upstreams[i]);
    t_pool_await(&weir, "connections/closed/server_gone", CONNECTIONS - 2);
    t_answer(upstreams[CONNECTIONS - 1], "x");
    t_await_answer(clients[CONNECTIONS - 1], "GET", 200);
    t_expect_reset(upstreams[CONNECTIONS - 1]);
    t_pool_await(&weir, "connections/closed/server_gone", CONNECTIONS - 1);
    /* Those that are opened now are kept. */
    struct t_conn *upstream = t_round(&weir, &origins[0], NULL, "/");
    t_round(&weir, &origins[0], upstream, "/");
    t_weir_end(&weir);
}

/* A GET meets the end of a server once, and is then sent to the other. */
Test(health_outlier, to_and_fro_under_load_fails_no_request)
{
    open_all(2, "    connections: {max: 3}\n    queue: {timeout: 1h}\n"
                "    retry: {attempts: 4, budget: off}\n"
                "    outlier: {failures: 2, eject: 100ms}\n");
    struct t_load_beside beside = {.load = t_steady_load(&weir, 16, 2000)};
    t_load_start(&beside);
    for (int i = 0; i < 6; i++) {
        t_stats_await_at_least(&weir, "pools/legacy/requests/total", i * 300);
        if (i % 2)
            t_moody_return(&moodies[0]);
        else
            t_moody_leave(&moodies[0]);
    }
    t_load_join(&beside);
    t_load_assert_ok(&beside.load, &beside.result);
    t_weir_end(&weir);
}

/* ---- Those who wait ---- */

static void open_scripted(int n, bool second_is_backup)
{
    for (int i = 0; i < n; i++) {
        t_origin_open(&origins[i]);
        ports[i] = origins[i].port;
    }
    const char *servers = t_servers(ports, n);
    if (second_is_backup)
        servers = t_text("[{address: \"127.0.0.1:%d\"}, {address: \"127.0.0.1:%d\", backup: true}]",
                         ports[0], ports[1]);
    t_weir_start_shape(&weir, &(struct t_shape){.servers = servers,
                                                .pool = "    connections: {max: 1}\n"
                                                        "    queue: {timeout: 1h}\n"
                                                        "    outlier: {failures: 1, eject: 1h}\n"});
}

static struct t_conn *occupy(int server, struct t_conn **client)
{
    *client = t_ask(&weir, "GET", "/busy", NULL);
    struct t_conn *upstream = t_accept(&origins[server]);
    t_assert_text(t_read_request(upstream)->target, "/busy");
    return upstream;
}

enum { WAITERS = 4 };

static void await_waiters(struct t_conn *waiters[WAITERS])
{
    for (int i = 0; i < WAITERS; i++)
        waiters[i] = t_ask(&weir, "POST", "/waits", "Content-Length: 0\r\n");
    t_pool_await(&weir, "queue/waiting", WAITERS);
}

/* All of them, and the GET that was sent again, on one connection: in what order is not the point.
 */
static void serve_all(struct t_conn *upstream, struct t_conn *client, struct t_conn **waiters,
                      int n)
{
    for (int i = 0; i < n + 1; i++) {
        t_read_request(upstream);
        t_answer(upstream, "x");
    }
    for (int i = 0; i < n; i++)
        t_await_answer(waiters[i], "POST", 200);
    t_await_answer(client, "GET", 200);
}

Test(health_outlier, who_waits_goes_to_the_other)
{
    open_scripted(2, false);
    struct t_conn *clients[2], *busy[2], *waiters[WAITERS];
    for (int i = 0; i < 2; i++)
        busy[i] = occupy(i, &clients[i]);
    await_waiters(waiters);
    t_close(busy[0]);
    t_server_await_state(&weir, ports[0], "ejected");
    t_pool_await(&weir, "queue/waiting", WAITERS + 1);
    t_answer(busy[1], "x");
    t_await_answer(clients[1], "GET", 200);
    serve_all(busy[1], clients[0], waiters, WAITERS);
    t_assert_number("connections", t_origin_connections(&origins[0]), 1);
    t_weir_end(&weir);
}

/* The backup has been idle: nothing but the ejection gives those who wait a place there. */
Test(health_outlier, who_waits_goes_to_the_backup)
{
    open_scripted(2, true);
    struct t_conn *client, *busy = occupy(0, &client), *waiters[WAITERS];
    await_waiters(waiters);
    t_send(busy, "nonsense\r\n\r\n");
    t_await_answer(client, "GET", 502);
    struct t_conn *backup = t_accept(&origins[1]);
    for (int i = 0; i < WAITERS; i++) {
        t_read_request(backup);
        t_answer(backup, "x");
    }
    for (int i = 0; i < WAITERS; i++)
        t_await_answer(waiters[i], "POST", 200);
    t_assert_number("connections", t_origin_connections(&origins[0]), 1);
    t_weir_end(&weir);
}

/* Nobody else comes whose request would show that it is back. */
Test(health_outlier, who_waits_is_told_of_the_return)
{
    for (int i = 0; i < 2; i++) {
        t_origin_open(&origins[i]);
        ports[i] = origins[i].port;
    }
    t_weir_start_shape(&weir,
                       &(struct t_shape){.servers = t_servers(ports, 2),
                                         .pool = "    connections: {max: 1}\n"
                                                 "    queue: {timeout: 1h}\n"
                                                 "    outlier: {failures: 1, eject: 300ms}\n"});
    struct t_conn *clients[2], *busy[2];
    for (int i = 0; i < 2; i++)
        busy[i] = occupy(i, &clients[i]);
    t_send(busy[0], "nonsense\r\n\r\n");
    t_await_answer(clients[0], "GET", 502);
    struct t_conn *waiter = t_ask(&weir, "GET", "/waits", NULL);
    t_serve(t_accept(&origins[0]), "/waits");
    t_await_answer(waiter, "GET", 200);
    t_answer(busy[1], "x");
    t_await_answer(clients[1], "GET", 200);
    t_weir_end(&weir);
}

Test(health_outlier, who_waits_for_the_only_one_is_served_there)
{
    open_scripted(1, false);
    struct t_conn *client, *busy = occupy(0, &client), *waiters[WAITERS];
    await_waiters(waiters);
    t_close(busy);
    t_server_await_state(&weir, ports[0], "ejected");
    serve_all(t_accept(&origins[0]), client, waiters, WAITERS);
    t_weir_end(&weir);
}

/* One of them is given a connection that the server has closed meanwhile, and waits once more. */
Test(health_outlier, who_waits_once_more_is_served_too)
{
    open_scripted(1, false);
    struct t_conn *client, *busy = occupy(0, &client), *waiters[WAITERS];
    await_waiters(waiters);
    t_close(busy);
    struct t_conn *upstream = t_accept(&origins[0]);
    t_assert_text(t_read_request(upstream)->method, "POST");
    t_weir_freeze(&weir);
    t_answer(upstream, "x");
    t_close(upstream);
    t_weir_thaw(&weir);
    t_pool_await(&weir, "connections/closed/by_server_idle", 1);
    upstream = t_accept(&origins[0]);
    for (int i = 0; i < WAITERS; i++) {
        t_read_request(upstream);
        t_answer(upstream, "x");
    }
    for (int i = 0; i < WAITERS; i++)
        t_await_answer(waiters[i], "POST", 200);
    t_await_answer(client, "GET", 200);
    t_weir_end(&weir);
}
