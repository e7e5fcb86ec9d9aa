/* A pool's counts go on when servers leave it; one that comes back is what it was. */
#include "support/t_ask.h"

#include <string.h>

static struct t_origin origin;
static struct t_weir weir;
static struct t_shape shape;
static unsigned generation = 1;

/* The origin answers on every address of loopback: server I is 127.0.0.I. */
static const char *server(int i)
{
    return t_text("127.0.0.%d:%d", i, origin.port);
}

static void start(const char *pool)
{
    t_origin_open_on(&origin, "0.0.0.0");
    shape = (struct t_shape){.workers = 2,
                             .servers = t_text("[{address: \"%s\"}]", server(1)),
                             .pool = pool,
                             .token = true};
    t_weir_start_shape(&weir, &shape);
}

static void move_to(int i)
{
    shape.servers = t_text("[{address: \"%s\"}]", server(i));
    t_weir_reshape(&weir, &shape);
    t_order(&weir, "/reload", 202);
    t_stats_await(&weir, "weir/generation", ++generation);
}

static int64_t of_server(int i, const char *figure)
{
    return t_pool_number(&weir, t_text("servers/%s/%s", server(i), figure));
}

Test(figures_never_fall, when_a_server_leaves_and_comes_back)
{
    start(NULL);
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/1");
    t_round(&weir, &origin, upstream, "/2");
    move_to(2);
    t_expect_any_end(upstream);
    t_pool_await(&weir, "connections/closed/server_gone", 1);
    t_stats_await_size(&weir, "pools/legacy/servers", 1);
    t_pool_assert(&weir, "connections/opened", 1);
    t_pool_assert(&weir, "connections/reused", 1);
    t_pool_assert(&weir, "time_wait_avoided", 2);

    t_round(&weir, &origin, NULL, "/3");
    t_pool_assert(&weir, "connections/opened", 2);
    move_to(1);
    t_assert_number("requests", of_server(1, "requests/total"), 2);
    /* Kept again, as if it had never been away. */
    upstream = t_round(&weir, &origin, NULL, "/4");
    t_round(&weir, &origin, upstream, "/5");
    t_assert_number("requests", of_server(1, "requests/total"), 4);
    t_pool_assert(&weir, "connections/opened", 3);
    t_pool_assert(&weir, "connections/reused", 2);
    t_weir_end(&weir);
}

/* Many more than are remembered one by one. */
Test(figures_never_fall, when_many_leave)
{
    enum { SERVERS = 50 };
    start(NULL);
    for (int i = 1; i <= SERVERS; i++) {
        struct t_conn *upstream = t_round(&weir, &origin, NULL, "/");
        t_pool_await(&weir, "connections/idle", 1);
        move_to(i + 1);
        t_expect_any_end(upstream);
        t_pool_await(&weir, "connections/closed/server_gone", i);
        t_pool_assert(&weir, "connections/opened", i);
        t_pool_assert(&weir, "time_wait_avoided", i);
    }
    json_t *response = t_stats_find(t_stats(&weir), "pools/legacy/latency_ms/response/max");
    cr_assert_gt(json_number_value(response), 0);
    t_weir_end(&weir);
}

/* An operator's word holds until he says another. */
Test(figures_never_fall, nor_is_an_admin_state_forgotten)
{
    start(NULL);
    t_order(&weir, t_text("/pools/legacy/servers/%s/down", server(1)), 200);
    move_to(2);
    t_round(&weir, &origin, NULL, "/");
    move_to(1);
    json_t *state = t_stats_find(t_stats(&weir),
                                 t_text("pools/legacy/servers/%s/admin_state", server(1)));
    t_assert_text(json_string_value(state), "down");
    t_await_answer(t_ask(&weir, "GET", "/", NULL), "GET", 503);
    t_order(&weir, t_text("/pools/legacy/servers/%s/up", server(1)), 200);
    t_round(&weir, &origin, NULL, "/");
    t_weir_end(&weir);
}

/* The connections of a server that has left are the pool's, too, until they are closed. */
Test(figures_never_fall, and_a_pause_waits_for_who_has_left)
{
    start("    queue: {timeout: 1h}\n");
    struct t_conn *client = t_ask(&weir, "GET", "/busy", NULL), *upstream = t_accept(&origin);
    t_read_request(upstream);
    move_to(2);
    struct t_conn *admin = t_order_begin(&weir, "/pools/legacy/pause");
    t_weir_await_log(&weir, "legacy: paused");
    t_pool_assert(&weir, "connections/active", 1);
    cr_assert_not(t_conn_poll(admin), "a connection is left");
    t_answer(upstream, "x");
    t_await_answer(client, "GET", 200);
    t_order_end(admin, 200);
    t_weir_end(&weir);
}
