/* A server that drains or is down gets no new requests, and what it has in hand finishes. */
#include "support/t_ask.h"

static struct t_origin origins[2];
static struct t_weir weir;
static struct t_shape shape;

/* Server 0 is found first, as long as both are as busy. */
static void open_all(int n_servers, const char *pool)
{
    for (int i = 0; i < 2; i++)
        t_origin_open(&origins[i]);
    shape = (struct t_shape){.workers = 2, .token = true, .pool = pool};
    shape.servers = n_servers == 1
                        ? t_text("[{address: \"127.0.0.1:%d\"}]", origins[0].port)
                        : t_text("[{address: \"127.0.0.1:%d\"}, {address: \"127.0.0.1:%d\"}]",
                                 origins[0].port, origins[1].port);
    t_weir_start_shape(&weir, &shape);
}

static void set(int server, const char *state)
{
    t_order(&weir, t_text("/pools/legacy/servers/127.0.0.1:%d/%s", origins[server].port, state),
            200);
}

static void assert_state(int server, const char *state)
{
    const char *path = t_text("pools/legacy/servers/127.0.0.1:%d/admin_state",
                              origins[server].port);
    t_assert_text(json_string_value(t_stats_find(t_stats(&weir), path)), state);
}

static void expect_no_server(void)
{
    t_assert_contains(t_await_answer(t_ask(&weir, "GET", "/", NULL), "GET", 503)->body,
                      "no server is up");
}

static void finishes_what_it_has(const char *state)
{
    open_all(2, NULL);
    struct t_conn *clients[2], *upstreams[2];
    for (int i = 0; i < 2; i++) {
        clients[i] = t_ask(&weir, "GET", "/active", NULL);
        t_pool_await(&weir, "connections/active", i + 1);
    }
    for (int i = 0; i < 2; i++) {
        upstreams[i] = t_accept(&origins[i]);
        t_assert_text(t_read_request(upstreams[i])->target, "/active");
    }
    set(0, state);
    assert_state(0, state);
    assert_state(1, "up");

    /* All new ones go to the other. */
    struct t_conn *other = NULL;
    for (int i = 0; i < 6; i++)
        other = t_round(&weir, &origins[1], other, t_text("/%d", i));
    for (int i = 0; i < 2; i++)
        t_answer(upstreams[i], "x");
    for (int i = 0; i < 2; i++)
        t_await_answer(clients[i], "GET", 200);
    t_expect_reset(upstreams[0]);
    t_assert_number("connections", t_origin_connections(&origins[0]), 1);
    t_weir_end(&weir);
}

Test(server_states, drain_finishes_what_it_has)
{
    finishes_what_it_has("drain");
}

Test(server_states, down_finishes_what_it_has)
{
    finishes_what_it_has("down");
}

Test(server_states, idle_connections_close_at_once_and_up_opens_new_ones)
{
    open_all(1, NULL);
    static const char *const states[] = {"drain", "down"};
    for (int i = 0; i < 2; i++) {
        struct t_conn *upstream = t_round(&weir, &origins[0], NULL, "/");
        set(0, states[i]);
        t_expect_reset(upstream);
        t_pool_assert(&weir, "connections/idle", 0);
        t_pool_assert(&weir, "connections/closed/flushed", i + 1);
        expect_no_server();
        set(0, "up");
        assert_state(0, "up");
    }
    t_round(&weir, &origins[0], NULL, "/");
    t_weir_end(&weir);
}

Test(server_states, without_any_server_requests_are_told)
{
    open_all(2, NULL);
    set(0, "drain");
    set(1, "down");
    expect_no_server();
    set(1, "up");
    t_round(&weir, &origins[1], NULL, "/");
    t_weir_end(&weir);
}

/* Who has been waiting for a server that drains is still served there: it was here before. */
Test(server_states, drain_serves_who_has_been_waiting)
{
    open_all(1, "    connections: {max: 1}\n    queue: {timeout: 30s}\n");
    struct t_conn *client = t_ask(&weir, "GET", "/busy", NULL);
    struct t_conn *upstream = t_accept(&origins[0]);
    t_read_request(upstream);
    struct t_conn *waiter = t_ask(&weir, "GET", "/waits", NULL);
    t_pool_await(&weir, "queue/waiting", 1);
    set(0, "drain");
    expect_no_server();
    t_answer(upstream, "x");
    t_await_answer(client, "GET", 200);
    t_expect_reset(upstream);
    t_serve(t_accept(&origins[0]), "/waits");
    t_await_answer(waiter, "GET", 200);
    t_pool_assert(&weir, "connections/idle", 0);
    t_weir_end(&weir);
}

Test(server_states, down_tells_who_has_been_waiting)
{
    open_all(1, "    connections: {max: 1}\n    queue: {timeout: 30s}\n");
    struct t_conn *client = t_ask(&weir, "GET", "/busy", NULL);
    struct t_conn *upstream = t_accept(&origins[0]), *waiters[4];
    t_read_request(upstream);
    for (int i = 0; i < 4; i++)
        waiters[i] = t_ask(&weir, "GET", "/waits", NULL);
    t_pool_await(&weir, "queue/waiting", 4);
    set(0, "down");
    for (int i = 0; i < 4; i++)
        t_assert_contains(t_await_answer(waiters[i], "GET", 503)->body, "no server is up");
    t_answer(upstream, "x");
    t_await_answer(client, "GET", 200);
    t_weir_end(&weir);
}

/* Who waits for the only one that is up gets a place at another that comes up. */
Test(server_states, up_serves_who_waits)
{
    open_all(2, "    connections: {max: 1}\n    queue: {timeout: 30s}\n");
    set(1, "down");
    struct t_conn *client = t_ask(&weir, "GET", "/busy", NULL), *busy = t_accept(&origins[0]);
    t_read_request(busy);
    struct t_conn *waiter = t_ask(&weir, "GET", "/waits", NULL);
    t_pool_await(&weir, "queue/waiting", 1);
    set(1, "up");
    t_serve(t_accept(&origins[1]), "/waits");
    t_await_answer(waiter, "GET", 200);
    t_answer(busy, "x");
    t_await_answer(client, "GET", 200);
    t_weir_end(&weir);
}

/* So does who waits for a backup, now that there is no need for one. */
Test(server_states, up_serves_who_waits_for_a_backup)
{
    for (int i = 0; i < 2; i++)
        t_origin_open(&origins[i]);
    shape = (struct t_shape){
        .workers = 2,
        .token = true,
        .pool = "    connections: {max: 1}\n    queue: {timeout: 30s}\n",
        .servers = t_text(
            "[{address: \"127.0.0.1:%d\"}, {address: \"127.0.0.1:%d\", backup: true}]",
            origins[0].port, origins[1].port)};
    t_weir_start_shape(&weir, &shape);
    set(0, "down");
    struct t_conn *client = t_ask(&weir, "GET", "/busy", NULL), *busy = t_accept(&origins[1]);
    t_read_request(busy);
    struct t_conn *waiter = t_ask(&weir, "GET", "/waits", NULL);
    t_pool_await(&weir, "queue/waiting", 1);
    set(0, "up");
    t_serve(t_accept(&origins[0]), "/waits");
    t_await_answer(waiter, "GET", 200);
    t_answer(busy, "x");
    t_await_answer(client, "GET", 200);
    t_weir_end(&weir);
}

Test(server_states, survive_a_reload)
{
    open_all(2, NULL);
    set(0, "down");
    shape.pool = "    queue: {max: 7}\n";
    t_weir_reshape(&weir, &shape);
    t_order(&weir, "/reload", 202);
    assert_state(0, "down");
    t_round(&weir, &origins[1], NULL, "/");
    t_weir_end(&weir);
}

Test(server_states, names_are_as_configured_and_may_be_encoded)
{
    open_all(1, NULL);
    t_order(&weir, t_text("/pools/%%6cegacy/servers/127.0.0.1%%3A%d/drain", origins[0].port), 200);
    assert_state(0, "drain");
    t_assert_contains(t_order(&weir, "/pools/legacy/servers/127.0.0.1:1/up", 404)->body,
                      "no server `127.0.0.1:1`");
    t_assert_contains(t_order(&weir, "/pools/other/servers/127.0.0.1:1/up", 404)->body,
                      "no pool `other`");
    t_weir_end(&weir);
}

Test(server_states, changing_them_under_load_fails_no_request)
{
    struct t_real_origin reals[2];
    for (int i = 0; i < 2; i++)
        t_real_origin_start(&reals[i], NULL);
    t_weir_start_shape(
        &weir, &(struct t_shape){.workers = 4,
                                 .token = true,
                                 .servers = t_text("[{address: \"127.0.0.1:%d\"}, {address: "
                                                   "\"127.0.0.1:%d\"}]",
                                                   reals[0].port, reals[1].port),
                                 .pool = "    connections: {max: 3}\n"
                                         "    queue: {timeout: 30s}\n"});
    struct t_load_beside beside = {
        .load = {.port = weir.port, .concurrency = 24, .requests = 4000, .reset_clients = true}};
    t_load_start(&beside);
    for (int i = 0; i < 20; i++) {
        static const char *const states[] = {"drain", "up", "down", "up"};
        t_stats_await_at_least(&weir, "pools/legacy/requests/total", i * 150);
        t_order(
            &weir,
            t_text("/pools/legacy/servers/127.0.0.1:%d/%s", reals[i / 4 % 2].port, states[i % 4]),
            200);
    }
    t_load_join(&beside);
    t_load_assert_ok(&beside.load, &beside.result);
    t_weir_end(&weir);
    for (int i = 0; i < 2; i++)
        t_real_origin_stop(&reals[i]);
}
