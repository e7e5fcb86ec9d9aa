/* After a reconnect no request goes out on a connection that was open before. */
#include "support/t_ask.h"

static struct t_origin origin;
static struct t_weir weir;

static void open_both(const char *pool)
{
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir, &(struct t_shape){.workers = 3, .port = origin.port, .token = true, .pool = pool});
}

Test(pool_reconnect, idle_ones_close_now_and_busy_ones_as_they_come_free)
{
    open_both(NULL);
    struct t_conn *client = t_ask(&weir, "GET", "/busy", NULL), *busy = t_accept(&origin);
    t_read_request(busy);
    struct t_conn *idle = t_round(&weir, &origin, NULL, "/idle");
    t_order(&weir, "/pools/legacy/reconnect", 200);
    t_expect_reset(idle);
    t_pool_assert(&weir, "connections/idle", 0);

    t_answer(busy, "x");
    t_await_answer(client, "GET", 200);
    t_expect_reset(busy);
    t_pool_await(&weir, "connections/closed/flushed", 2);

    struct t_conn *fresh = t_round(&weir, &origin, NULL, "/fresh");
    t_round(&weir, &origin, fresh, "/kept");
    t_pool_assert(&weir, "connections/opened", 3);
    t_weir_end(&weir);
}

/* The place of an old one goes to who waits for it. */
Test(pool_reconnect, waiters_get_new_ones)
{
    open_both("    connections: {max: 1}\n    queue: {timeout: 30s}\n");
    struct t_conn *client = t_ask(&weir, "GET", "/busy", NULL), *busy = t_accept(&origin);
    t_read_request(busy);
    struct t_conn *waiter = t_ask(&weir, "GET", "/waits", NULL);
    t_pool_await(&weir, "queue/waiting", 1);
    t_order(&weir, "/pools/legacy/reconnect", 200);
    t_answer(busy, "x");
    t_await_answer(client, "GET", 200);
    t_expect_reset(busy);
    t_serve(t_accept(&origin), "/waits");
    t_await_answer(waiter, "GET", 200);
    t_weir_end(&weir);
}

/* Under load, with stealing: each connection is replaced once, and no request fails. */
Test(pool_reconnect, fails_no_request_under_load)
{
    struct t_real_origin real;
    t_real_origin_start(&real, NULL);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 4, .port = real.port, .token = true});
    struct t_load_beside beside = {
        .load = {.port = weir.port, .concurrency = 16, .requests = 3000, .reset_clients = true}};
    t_load_start(&beside);
    for (int i = 1; i <= 5; i++) {
        t_stats_await_at_least(&weir, "pools/legacy/requests/total", i * 400);
        t_order(&weir, "/pools/legacy/reconnect", 200);
    }
    t_load_join(&beside);
    t_load_assert_ok(&beside.load, &beside.result);
    cr_assert_gt(t_pool_number(&weir, "connections/closed/flushed"), 0);
    t_weir_end(&weir);
    t_real_origin_stop(&real);
}
