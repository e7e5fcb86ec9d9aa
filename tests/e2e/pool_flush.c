/* A flush closes a pool's idle connections, and no others. */
#include "support/t_ask.h"

Test(pool_flush, idle_connections_close_and_busy_ones_stay)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 3, .port = origin.port, .token = true});
    struct t_conn *clients[4], *upstreams[4];
    for (int i = 0; i < 4; i++) {
        clients[i] = t_ask(&weir, "GET", "/", NULL);
        upstreams[i] = t_accept(&origin);
        t_read_request(upstreams[i]);
    }
    for (int i = 0; i < 3; i++) {
        t_answer(upstreams[i], "x");
        t_await_answer(clients[i], "GET", 200);
    }
    t_pool_await(&weir, "connections/idle", 3);

    t_assert_contains(t_order(&weir, "/pools/legacy/flush", 200)->body, "idle");
    t_pool_assert(&weir, "connections/idle", 0);
    t_pool_assert(&weir, "connections/closed/flushed", 3);
    for (int i = 0; i < 3; i++)
        t_expect_reset(upstreams[i]);

    t_answer(upstreams[3], "x");
    t_await_answer(clients[3], "GET", 200);
    t_round(&weir, &origin, upstreams[3], "/kept");
    t_pool_assert(&weir, "connections/opened", 4);
    t_weir_end(&weir);
}

Test(pool_flush, other_pools_keep_theirs)
{
    struct t_origin one, two;
    struct t_weir weir;
    t_origin_open(&one);
    t_origin_open(&two);
    t_write_file("token", T_TOKEN);
    t_weir_start(&weir,
                 "workers: 2\n"
                 "admin: {listen: \"127.0.0.1:@admin@\", token_file: \"@dir@/token\"}\n"
                 "listeners:\n"
                 "  web:\n"
                 "    listen: [\"127.0.0.1:@port@\"]\n"
                 "    pool: legacy\n"
                 "    routes: [{path: /other, pool: other}]\n"
                 "pools:\n"
                 "  legacy: {servers: [{address: \"127.0.0.1:%d\"}]}\n"
                 "  other: {servers: [{address: \"127.0.0.1:%d\"}]}\n",
                 one.port, two.port);
    struct t_conn *first = t_round(&weir, &one, NULL, "/"),
                  *second = t_round(&weir, &two, NULL, "/other");
    t_order(&weir, "/pools/legacy/flush", 200);
    t_expect_reset(first);
    t_round(&weir, &two, second, "/other");
    t_weir_end(&weir);
}
