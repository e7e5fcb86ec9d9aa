/* Requests are spread over a pool's servers by weight in turn, or to where the least is going on.
 */
#include "support/t_ask.h"

enum { SERVERS = 3, HELD = 8 };

static const char *server_path(int port, const char *path)
{
    return t_text("servers/127.0.0.1:%d/%s", port, path);
}

static char *servers_yaml(const int *ports, const int *weights, int count)
{
    char *yaml = t_text("[");
    for (int i = 0; i < count; i++)
        yaml = t_text("%s%s{address: \"127.0.0.1:%d\", weight: %d}", yaml, i ? ", " : "", ports[i],
                      weights[i]);
    return t_text("%s]", yaml);
}

Test(balance, round_robin_goes_by_weight)
{
    static const int weights[SERVERS] = {1, 2, 3};
    struct t_real_origin origins[SERVERS];
    struct t_weir weir;
    int ports[SERVERS];
    for (int i = 0; i < SERVERS; i++) {
        t_real_origin_start(&origins[i], "body=x");
        ports[i] = origins[i].port;
    }
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1,
                                                .servers = servers_yaml(ports, weights, SERVERS),
                                                .pool = "    balance: round_robin\n"});
    for (int i = 0; i < 60; i++)
        t_one_shot(&weir, "/");
    for (int i = 0; i < SERVERS; i++) {
        t_pool_assert(&weir, server_path(ports[i], "requests/total"), 10 * weights[i]);
        t_pool_assert(&weir, server_path(ports[i], "connections/opened"), 1);
        t_assert_number("requests", t_real_origin_counts(&origins[i]).requests, 10 * weights[i]);
    }
    t_weir_end(&weir);
    for (int i = 0; i < SERVERS; i++)
        t_real_origin_stop(&origins[i]);
}

/* Smooth: no server gets a run of requests. */
Test(balance, round_robin_is_smooth)
{
    static const int weights[2] = {1, 1};
    struct t_origin origins[2];
    struct t_weir weir;
    struct t_conn *upstreams[2] = {NULL};
    int ports[2];
    for (int i = 0; i < 2; i++) {
        t_origin_open(&origins[i]);
        ports[i] = origins[i].port;
    }
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1,
                                                .servers = servers_yaml(ports, weights, 2),
                                                .pool = "    balance: round_robin\n"});
    for (int i = 0; i < 10; i++)
        upstreams[i % 2] = t_round(&weir, &origins[i % 2], upstreams[i % 2], t_text("/%d", i));
    t_weir_end(&weir);
}

/* HELD requests that are all in progress at once. */
static void holds(const int *weights, const int *expected)
{
    struct t_origin origins[2];
    struct t_weir weir;
    struct t_conn *clients[HELD];
    int ports[2];
    for (int i = 0; i < 2; i++) {
        t_origin_open(&origins[i]);
        ports[i] = origins[i].port;
    }
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 2,
                                                .servers = servers_yaml(ports, weights, 2),
                                                .pool = "    balance: least_connections\n"});
    for (int i = 0; i < HELD; i++) {
        clients[i] = t_ask(&weir, "GET", "/", NULL);
        t_pool_await(&weir, "connections/active", i + 1);
    }
    for (int i = 0; i < 2; i++) {
        t_origin_await_connections(&origins[i], expected[i]);
        for (int k = 0; k < expected[i]; k++)
            t_serve(t_accept(&origins[i]), "/");
    }
    for (int i = 0; i < HELD; i++)
        t_await_answer(clients[i], "GET", 200);
    for (int i = 0; i < 2; i++)
        t_pool_assert(&weir, server_path(ports[i], "requests/total"), expected[i]);
    t_weir_end(&weir);
}

Test(balance, least_connections_evens_out)
{
    holds((int[]){1, 1}, (int[]){HELD / 2, HELD / 2});
}

Test(balance, least_connections_goes_by_weight)
{
    holds((int[]){1, 3}, (int[]){HELD / 4, HELD * 3 / 4});
}

/* One server is stuck: the other gets the rest, one after another. */
Test(balance, least_connections_avoids_the_one_that_is_stuck)
{
    static const int weights[2] = {1, 1};
    struct t_origin stuck;
    struct t_real_origin quick;
    struct t_weir weir;
    t_origin_open(&stuck);
    t_real_origin_start(&quick, "body=x");
    t_weir_start_shape(&weir,
                       &(struct t_shape){
                           .servers = servers_yaml((int[]){stuck.port, quick.port}, weights, 2),
                       });
    /* Until one request hangs there. */
    struct t_conn *client = NULL;
    while (!t_origin_connections(&stuck)) {
        client = t_ask(&weir, "GET", "/", NULL);
        while (!t_conn_poll(client) && !t_origin_connections(&stuck))
            continue;
        if (client->in_len > 0)
            t_await_answer(client, "GET", 200);
    }
    t_pool_await(&weir, "connections/connecting", 0);
    for (int i = 0; i < 40; i++)
        t_one_shot(&weir, "/");
    t_assert_number("connections", t_origin_connections(&stuck), 1);
    t_serve(t_accept(&stuck), "/");
    t_await_answer(client, "GET", 200);
    t_weir_end(&weir);
    t_real_origin_stop(&quick);
}

/* At its maximum a server gets no more; the other still does. */
Test(balance, a_full_server_is_passed_over)
{
    static const int weights[2] = {1, 1};
    struct t_origin origins[2];
    struct t_weir weir;
    struct t_conn *clients[3];
    int ports[2];
    for (int i = 0; i < 2; i++) {
        t_origin_open(&origins[i]);
        ports[i] = origins[i].port;
    }
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1,
                                                .servers = servers_yaml(ports, weights, 2),
                                                .pool = "    balance: round_robin\n"
                                                        "    connections: {max: 1}\n"});
    for (int i = 0; i < 2; i++) {
        clients[i] = t_ask(&weir, "GET", "/", NULL);
        t_origin_await_connections(&origins[i], 1);
    }
    clients[2] = t_ask(&weir, "GET", "/", NULL);
    t_pool_await(&weir, "queue/waiting", 1);
    /* Whichever comes free serves who waits. */
    struct t_conn *second = t_accept(&origins[1]);
    t_serve(second, "/");
    t_serve(second, "/");
    t_await_answer(clients[2], "GET", 200);
    t_serve(t_accept(&origins[0]), "/");
    t_await_answer(clients[0], "GET", 200);
    t_await_answer(clients[1], "GET", 200);
    t_pool_assert(&weir, "connections/opened", 2);
    t_weir_end(&weir);
}
