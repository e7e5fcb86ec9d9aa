/* So many idle connections as min_idle says are opened ahead of need and kept, no more and no less,
 * and the figures tell. */
#include "support/t_ask.h"

#include <signal.h>

static struct t_origin origin;
static struct t_weir weir;
static struct t_shape shape;

static void start(const char *connections)
{
    t_origin_open(&origin);
    shape = (struct t_shape){.workers = 2, .port = origin.port, .token = true};
    shape.pool = t_text("    connections: {%s}\n", connections);
    t_weir_start_shape(&weir, &shape);
}

static void reload(const char *connections, int generation)
{
    shape.pool = t_text("    connections: {%s}\n", connections);
    t_weir_reshape(&weir, &shape);
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", generation);
}

/* The next few looks have been taken: a second pool, that comes with this reload, is full. */
static void await_looks(struct t_origin *witness, const char *connections, int generation)
{
    t_origin_open(witness);
    shape.pool = t_text("    connections: {%s}\n"
                        "  witness:\n"
                        "    servers: [{address: \"127.0.0.1:%d\"}]\n"
                        "    connections: {min_idle: 6}\n",
                        connections, witness->port);
    t_weir_reshape(&weir, &shape);
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", generation);
    t_stats_await(&weir, "pools/witness/connections/idle", 6);
}

Test(ahead_min_idle, they_are_there_before_any_request)
{
    struct t_origin witness;
    start("min_idle: 5");
    t_pool_await(&weir, "connections/idle", 5);
    await_looks(&witness, "min_idle: 5", 2);

    t_pool_assert(&weir, "connections/idle", 5);
    t_pool_assert(&weir, "connections/prewarmed", 5);
    t_pool_assert(&weir, "connections/opened", 5);
    t_pool_assert(&weir, "connections/reused", 0);
    t_stats_assert(
        &weir, t_text("pools/legacy/servers/127.0.0.1:%d/connections/prewarmed", origin.port), 5);
    t_assert_number("connections at the server", t_origin_connections(&origin), 5);
    t_weir_end(&weir);
}

/* Each worker has its share, so that none must take from another. */
Test(ahead_min_idle, the_workers_share_them_out)
{
    start("min_idle: 6, share: false");
    t_pool_await(&weir, "connections/idle", 6);
    for (int i = 0; i < 2; i++)
        t_stats_assert(&weir, t_text("workers/%d/upstream/idle", i), 3);
    t_weir_end(&weir);
}

Test(ahead_min_idle, one_that_is_taken_is_replaced)
{
    start("min_idle: 3");
    t_pool_await(&weir, "connections/idle", 3);
    struct t_conn *clients[2], *upstreams[5];
    for (int i = 0; i < 3; i++)
        upstreams[i] = t_accept(&origin);
    for (int i = 0; i < 2; i++)
        clients[i] = t_ask(&weir, "GET", "/taken", NULL);
    for (int i = 3; i < 5; i++)
        upstreams[i] = t_accept(&origin);
    t_pool_await(&weir, "connections/idle", 3);
    t_pool_assert(&weir, "connections/active", 2);
    t_pool_assert(&weir, "connections/prewarmed", 5);

    /* A connection's first request finds nothing to be reused. */
    t_pool_assert(&weir, "connections/reused", 0);
    int n_served = 0;
    for (int i = 0; i < 5; i++) {
        t_conn_poll(upstreams[i]);
        if (upstreams[i]->in_len == 0)
            continue;
        t_serve(upstreams[i], "/taken");
        n_served++;
    }
    t_assert_number("requests that came", n_served, 2);
    for (int i = 0; i < 2; i++)
        t_await_answer(clients[i], "GET", 200);
    t_pool_await(&weir, "connections/idle", 5);
    t_pool_assert(&weir, "connections/opened", 5);
    t_weir_end(&weir);
}

/* Where max is reached there is nothing to open, and nothing stands in a request's way. */
Test(ahead_min_idle, requests_go_first_at_max)
{
    start("max: 3, min_idle: 3");
    t_pool_await(&weir, "connections/idle", 3);
    struct t_conn *clients[5], *upstreams[3];
    for (int i = 0; i < 3; i++)
        upstreams[i] = t_accept(&origin);
    for (int i = 0; i < 5; i++)
        clients[i] = t_ask(&weir, "GET", "/", NULL);
    t_pool_await(&weir, "queue/waiting", 2);
    t_pool_assert(&weir, "connections/opened", 3);
    for (int i = 0; i < 3; i++)
        t_serve(upstreams[i], "/");
    /* The place of one that ends is a waiter's. */
    for (int served = 0; served < 2;) {
        for (int i = 0; i < 3; i++) {
            t_conn_poll(upstreams[i]);
            if (upstreams[i]->in_len == 0)
                continue;
            t_serve(upstreams[i], "/");
            served++;
        }
    }
    for (int i = 0; i < 5; i++)
        t_await_answer(clients[i], "GET", 200);
    t_pool_await(&weir, "connections/idle", 3);
    t_pool_assert(&weir, "connections/opened", 3);
    t_weir_end(&weir);
}

Test(ahead_min_idle, a_reload_raises_and_lowers_it)
{
    struct t_origin witness;
    start("min_idle: 2");
    t_pool_await(&weir, "connections/idle", 2);
    reload("min_idle: 4", 2);
    t_pool_await(&weir, "connections/idle", 4);
    /* Lowered, it opens no more, and closes none: that is idle_timeout's and max_idle's. */
    reload("min_idle: 1", 3);
    t_order(&weir, "/pools/legacy/flush", 200);
    t_pool_await(&weir, "connections/idle", 1);
    await_looks(&witness, "min_idle: 1", 4);
    t_pool_assert(&weir, "connections/idle", 1);
    t_pool_assert(&weir, "connections/prewarmed", 5);
    t_assert_number("connections at the server", t_origin_connections(&origin), 5);

    reload("min_idle: 0", 5);
    t_order(&weir, "/pools/legacy/flush", 200);
    await_looks(&witness, "min_idle: 0", 6);
    t_pool_assert(&weir, "connections/opened", 5);
    t_weir_end(&weir);
}

Test(ahead_min_idle, a_reload_that_changes_nothing_opens_nothing)
{
    struct t_origin witness;
    start("min_idle: 4");
    t_pool_await(&weir, "connections/idle", 4);
    for (int generation = 2; generation < 6; generation++)
        reload("min_idle: 4", generation);
    await_looks(&witness, "min_idle: 4", 6);
    t_pool_assert(&weir, "connections/opened", 4);
    t_pool_assert(&weir, "connections/idle", 4);
    t_assert_number("connections at the server", t_origin_connections(&origin), 4);
    t_weir_end(&weir);
}

/* Growth is steady: so many take at least so long, however fast the machine. */
Test(ahead_min_idle, there_is_no_burst_at_start)
{
    start("min_idle: 12");
    t_origin_await_connections(&origin, 1);
    int64_t first_ms = t_now_ms();
    int already = t_origin_connections(&origin);
    t_pool_await(&weir, "connections/idle", 12);
    int64_t took_ms = t_now_ms() - first_ms;
    if (took_ms < (12 - already - 1) * 50)
        t_fail("%d connections came within %d ms", 12 - already, (int)took_ms);
    t_weir_end(&weir);
}

Test(ahead_min_idle, what_idle_timeout_closes_is_opened_again)
{
    start("min_idle: 2, idle_timeout: 300ms");
    t_stats_await_at_least(&weir, "pools/legacy/connections/closed/idle_timeout", 4);
    t_pool_await(&weir, "connections/idle", 2);
    t_weir_end(&weir);
}

Test(ahead_min_idle, a_paused_pool_opens_none)
{
    struct t_origin witness;
    start("min_idle: 3");
    t_pool_await(&weir, "connections/idle", 3);
    t_order(&weir, "/pools/legacy/pause", 200);
    int64_t opened = t_pool_number(&weir, "connections/opened");
    await_looks(&witness, "min_idle: 3", 2);
    t_pool_assert(&weir, "connections/opened", opened);
    t_pool_assert(&weir, "connections/idle", 0);

    t_order(&weir, "/pools/legacy/resume", 200);
    t_pool_await(&weir, "connections/idle", 3);
    t_weir_end(&weir);
}

Test(ahead_min_idle, a_server_that_is_down_or_drains_gets_none)
{
    struct t_origin witness;
    start("min_idle: 3");
    t_pool_await(&weir, "connections/idle", 3);
    t_order(&weir, t_text("/pools/legacy/servers/127.0.0.1:%d/drain", origin.port), 200);
    t_pool_await(&weir, "connections/idle", 0);
    int64_t opened = t_pool_number(&weir, "connections/opened");
    await_looks(&witness, "min_idle: 3", 2);
    t_pool_assert(&weir, "connections/opened", opened);

    t_order(&weir, t_text("/pools/legacy/servers/127.0.0.1:%d/up", origin.port), 200);
    t_pool_await(&weir, "connections/idle", 3);
    t_weir_end(&weir);
}

/* Of one that ends its connections after each answer, it is of no use to have any ready. */
Test(ahead_min_idle, a_server_that_keeps_none_gets_none)
{
    struct t_origin witness;
    struct t_real_origin real;
    t_real_origin_start(&real, "body=x&connection=close");
    shape = (struct t_shape){
        .workers = 2, .port = real.port, .pool = "    connections: {min_idle: 0}\n"};
    t_weir_start_shape(&weir, &shape);
    for (int i = 0; i < 3; i++)
        t_one_shot(&weir, "/");
    await_looks(&witness, "min_idle: 3", 2);
    t_pool_assert(&weir, "connections/prewarmed", 0);
    t_pool_assert(&weir, "connections/opened", 3);

    /* Until it changes its ways. */
    t_one_shot(&weir, "/?connection=keep");
    t_pool_await(&weir, "connections/idle", 3);
    t_weir_end(&weir);
    t_real_origin_stop(&real);
}

Test(ahead_min_idle, none_is_lost_at_the_end)
{
    start("min_idle: 200");
    t_origin_await_connections(&origin, 3);
    t_weir_stop(&weir);
}

/* How long a server waits for the next request says nothing of the first. */
Test(ahead_min_idle, unused_ones_outlive_what_the_server_announces)
{
    t_origin_open(&origin);
    shape = (struct t_shape){
        .workers = 1, .port = origin.port, .pool = "    connections: {min_idle: 1}\n"};
    t_weir_start_shape(&weir, &shape);
    struct t_conn *upstream = t_accept(&origin);
    t_pool_await(&weir, "connections/idle", 1);
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    t_read_request(upstream);
    t_pool_await(&weir, "connections/idle", 1);
    t_send(upstream, "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok");
    t_await_answer(client, "GET", 200);
    t_expect_reset(upstream);
    t_pool_await(&weir, "connections/closed/learned_idle", 1);
    t_pool_assert(&weir, "connections/idle", 1);
    t_pool_assert(&weir, "connections/opened", 2);
    t_weir_end(&weir);
}
