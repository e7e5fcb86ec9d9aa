/* No limit of a pool's connections is ever exceeded: max, max_idle, max_requests, max_age. */
#include "support/t_ask.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 12, AGE_MS = 1000 };

/* GETs that keep the connection, and one in eight that does not. */
static void make(struct t_load_request *request, bool close, void *user)
{
    bool ends = user && request->id % 8 == 0;
    (void)close;
    request->len = (size_t)asprintf(&request->data,
                                    "GET /?delay=1ms&n=%d%s HTTP/1.1\r\nHost: h\r\n"
                                    "Connection: close\r\n\r\n",
                                    (int)request->id, ends ? "&connection=close" : "");
    memcpy(request->method, "GET", 4);
}

static bool is_ok(const struct t_load_request *request, const struct t_message *answer, void *user)
{
    (void)request;
    (void)user;
    return answer->status == 200;
}

/* Under load over eight workers; ENDS: some of the connections end. */
static void stays_below(int64_t max, bool ends)
{
    struct t_real_origin origin;
    struct t_weir weir;
    bool yes = true;
    t_real_origin_start(&origin, "body=x");
    t_weir_start_shape(&weir, &(struct t_shape){
                                  .workers = 8,
                                  .port = origin.port,
                                  .pool = t_text("    connections: {max: %d}\n"
                                                 "    queue: {max: 0, timeout: 30s}\n",
                                                 (int)max),
                              });
    struct t_load_beside beside = {.load = {.port = weir.port,
                                            .concurrency = 64,
                                            .requests = 3000,
                                            .reset_clients = true,
                                            .make = make,
                                            .check = is_ok,
                                            .user = ends ? &yes : NULL}};
    t_load_start(&beside);
    int64_t most = 0;
    for (int64_t total = 0; total < 2500; total = t_pool_number(&weir, "requests/total")) {
        json_t *now = t_stats_find(t_stats(&weir), "pools/legacy/connections");
        int64_t open = json_integer_value(t_stats_find(now, "idle")) +
                       json_integer_value(t_stats_find(now, "active")) +
                       json_integer_value(t_stats_find(now, "connecting"));
        most = open > most ? open : most;
    }
    t_load_join(&beside);
    t_load_assert_ok(&beside.load, &beside.result);
    t_assert_number("open at once, as weir says", most, max);
    /* Where connections end, the server may accept the next before it notices the last one's end.
     */
    if (!ends) {
        int64_t open_max = t_real_origin_counts(&origin).open_max;
        t_assert_number("open at once, as the server says", open_max, max);
        t_pool_assert(&weir, "connections/opened", max);
    }
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

Test(pool_limits, max_holds_over_eight_workers)
{
    stays_below(5, false);
}

Test(pool_limits, max_holds_while_connections_end)
{
    stays_below(3, true);
}

Test(pool_limits, max_idle_is_exact)
{
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *clients[CLIENTS], *upstreams[CLIENTS];
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 4,
                                                .port = origin.port,
                                                .pool = "    connections: {max_idle: 3}\n"});

    for (int round = 1; round <= 3; round++) {
        int64_t idle = t_pool_number(&weir, "connections/idle");
        for (int i = 0; i < CLIENTS; i++)
            clients[i] = t_ask(&weir, "GET", "/", NULL);
        for (int64_t i = 0; i < CLIENTS - idle; i++)
            upstreams[idle + i] = t_accept(&origin);
        for (int i = 0; i < CLIENTS; i++)
            t_serve(upstreams[i], "/");
        for (int i = 0; i < CLIENTS; i++)
            t_await_answer(clients[i], "GET", 200);
        t_pool_await(&weir, "connections/active", 0);
        t_pool_assert(&weir, "connections/idle", 3);
        t_pool_assert(&weir, "connections/closed/surplus", round * (CLIENTS - 3));
        /* The three that are left stand first, for the next round. */
        for (int i = 0, kept = 0; i < CLIENTS; i++) {
            t_conn_poll(upstreams[i]);
            if (!upstreams[i]->error && !upstreams[i]->at_end)
                upstreams[kept++] = upstreams[i];
        }
    }
    t_weir_end(&weir);
}

Test(pool_limits, max_requests_ends_a_connection)
{
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *upstream = NULL;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port,
                                                .pool = "    connections: {max_requests: 3}\n"});

    for (int i = 0; i < 9; i++) {
        upstream = t_round(&weir, &origin, i % 3 ? upstream : NULL, t_text("/%d", i));
        if (i % 3 == 2)
            t_expect_any_end(upstream);
    }
    t_pool_assert(&weir, "connections/opened", 3);
    t_pool_assert(&weir, "connections/closed/max_requests", 3);
    t_weir_end(&weir);
}

/* Opens CLIENTS connections, lets them be idle until all have ended, and returns how far apart the
 * ages are at which they did. */
static int64_t spread_of_ages(struct t_weir *weir, struct t_origin *origin)
{
    struct t_conn *clients[CLIENTS], *upstreams[CLIENTS];
    int64_t opened_ms[CLIENTS], first_ms = INT64_MAX, last_ms = 0, deadline = t_deadline_ms();

    for (int i = 0; i < CLIENTS; i++) {
        opened_ms[i] = t_now_ms();
        clients[i] = t_ask(weir, "GET", "/", NULL);
        upstreams[i] = t_accept(origin);
    }
    for (int i = 0; i < CLIENTS; i++) {
        t_serve(upstreams[i], "/");
        t_await_answer(clients[i], "GET", 200);
    }
    for (int left = CLIENTS; left > 0;) {
        cr_assert(t_left_ms(deadline), "%d of them do not end", left);
        for (int i = 0; i < CLIENTS; i++) {
            if (opened_ms[i] < 0)
                continue;
            t_conn_poll(upstreams[i]);
            if (!upstreams[i]->error && !upstreams[i]->at_end)
                continue;
            int64_t age_ms = t_now_ms() - opened_ms[i];
            first_ms = age_ms < first_ms ? age_ms : first_ms;
            last_ms = age_ms > last_ms ? age_ms : last_ms;
            opened_ms[i] = -1;
            left--;
        }
    }
    cr_assert_geq(first_ms, AGE_MS * 9 / 10, "the first ended after %d ms", (int)first_ms);
    return last_ms - first_ms;
}

/* Idle ones end by themselves, up to a tenth of the time apart. Where the machine stands still just
 * then, all are seen to end at once; so several times. */
Test(pool_limits, max_age_ends_connections_out_of_step)
{
    enum { ROUNDS_MAX = 8, SPREAD_MS = AGE_MS / 100 };
    struct t_origin origin;
    struct t_weir weir;
    int64_t spread_ms = 0;
    int rounds = 0;
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir, &(struct t_shape){.port = origin.port, .pool = "    connections: {max_age: 1s}\n"});

    while (rounds < ROUNDS_MAX && spread_ms < SPREAD_MS) {
        spread_ms = spread_of_ages(&weir, &origin);
        rounds++;
    }
    cr_assert_geq(spread_ms, SPREAD_MS, "all ended within %d ms", (int)spread_ms);
    t_pool_assert(&weir, "connections/closed/max_age", rounds * CLIENTS);
    t_weir_end(&weir);
}

Test(pool_limits, max_age_never_cuts_an_exchange)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port,
                                                .pool = "    connections: {max_age: 100ms}\n"});

    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_expect_quiet(upstream, 300);
    t_answer(upstream, "old");
    t_assert_text(t_await_answer(client, "GET", 200)->body, "old");
    t_expect_any_end(upstream);
    t_pool_assert(&weir, "connections/closed/max_age", 1);
    t_weir_end(&weir);
}

Test(pool_limits, idle_timeout_ends_what_nobody_uses)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir,
        &(struct t_shape){.port = origin.port, .pool = "    connections: {idle_timeout: 400ms}\n"});

    int64_t since_ms = t_now_ms();
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/");
    t_expect_any_end(upstream);
    cr_assert_geq(t_now_ms() - since_ms, 390);
    t_pool_assert(&weir, "connections/closed/idle_timeout", 1);
    t_round(&weir, &origin, NULL, "/");
    t_weir_end(&weir);
}
