/* Many clients that each bring one request share few upstream connections, the newest first. */
#include "support/t_ask.h"

static void make_plain(struct t_load_request *request, bool close, void *user)
{
    (void)close;
    (void)user;
    request->data = strdup("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    request->len = strlen(request->data);
    snprintf(request->method, sizeof(request->method), "GET");
}

static bool is_200(const struct t_load_request *request, const struct t_message *answer, void *user)
{
    (void)request;
    (void)user;
    return answer->status == 200;
}

Test(reuse, one_after_another_they_share_one_connection)
{
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *upstream = NULL;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    for (int i = 0; i < 50; i++)
        upstream = t_round(&weir, &origin, upstream, t_text("/%d", i));
    t_assert_number("connections", t_origin_connections(&origin), 1);
    t_pool_assert(&weir, "connections/opened", 1);
    t_pool_assert(&weir, "connections/reused", 49);
    t_pool_assert(&weir, "requests/total", 50);
    json_t *ratio = t_stats_find(t_stats(&weir), "pools/legacy/reuse_ratio");
    cr_assert_float_eq(json_real_value(ratio), 0.98, 0.0001);
    t_weir_end(&weir);
}

Test(reuse, at_once_they_need_no_more_than_were_ever_busy)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, NULL);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    struct t_load load = {
        .port = weir.port, .concurrency = 20, .requests = 3000, .reset_clients = true};
    struct t_load_result result = t_load_run(&load);
    t_load_assert_ok(&load, &result);
    /* A sixth of them end by closing, and so need one each. */
    int64_t ended = t_pool_number(&weir, "connections/closed/not_reusable");
    t_assert_number("not reusable", ended, 500);
    int64_t opened = t_pool_number(&weir, "connections/opened") - ended;
    cr_assert_leq(opened, 20, "%d connections for 20 clients", (int)opened);
    t_assert_number("accepted", t_real_origin_counts(&origin).accepted,
                    t_pool_number(&weir, "connections/opened"));
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

/* Clients of all workers share them: what one has just given back, another takes. */
Test(reuse, on_four_workers_they_need_no_more_either)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, "body=x");
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 4, .port = origin.port});

    struct t_load load = {.port = weir.port,
                          .concurrency = 50,
                          .requests = 10000,
                          .reset_clients = true,
                          .make = make_plain,
                          .check = is_200};
    struct t_load_result result = t_load_run(&load);
    t_load_assert_ok(&load, &result);
    int64_t opened = t_pool_number(&weir, "connections/opened");
    cr_assert_leq(opened, 51, "%d connections for 50 clients", (int)opened);
    t_pool_assert(&weir, "connections/reused", 10000 - opened);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

/* Three connections come back in a known order; the next requests take them in reverse. */
Test(reuse, the_newest_goes_out_first)
{
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *clients[3], *upstreams[3];
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1, .port = origin.port});

    for (int i = 0; i < 3; i++) {
        clients[i] = t_ask(&weir, "GET", t_text("/%d", i), NULL);
        upstreams[i] = t_accept(&origin);
    }
    for (int i = 0; i < 3; i++) {
        t_serve(upstreams[i], t_text("/%d", i));
        t_await_answer(clients[i], "GET", 200);
    }
    for (int i = 2; i >= 0; i--) {
        clients[i] = t_ask(&weir, "GET", t_text("/again/%d", i), NULL);
        t_assert_text(t_read_request(upstreams[i])->target, t_text("/again/%d", i));
    }
    for (int i = 0; i < 3; i++) {
        t_answer(upstreams[i], "x");
        t_await_answer(clients[i], "GET", 200);
    }
    t_pool_assert(&weir, "connections/opened", 3);
    t_pool_assert(&weir, "connections/reused", 3);
    t_weir_end(&weir);
}

Test(reuse, a_worker_takes_what_another_left_idle)
{
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *upstream = NULL;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 4, .port = origin.port});

    /* The kernel spreads clients over the workers. */
    for (int i = 0; i < 60; i++)
        upstream = t_round(&weir, &origin, upstream, t_text("/%d", i));
    t_pool_assert(&weir, "connections/opened", 1);
    cr_assert_gt(t_pool_number(&weir, "connections/stolen"), 10);
    t_weir_end(&weir);
}

Test(reuse, without_sharing_each_worker_keeps_its_own)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, "body=x");
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 4,
                                                .port = origin.port,
                                                .pool = "    connections: {share: false}\n"});

    for (int i = 0; i < 60; i++)
        t_one_shot(&weir, t_text("/?n=%d", i));
    t_pool_assert(&weir, "connections/stolen", 0);
    int64_t opened = t_pool_number(&weir, "connections/opened");
    cr_assert_gt(opened, 1);
    cr_assert_leq(opened, 4);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

/* They keep their own, and yet no worker starves for it. */
Test(reuse, without_sharing_an_idle_connection_makes_room_at_the_maximum)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, "body=x");
    t_weir_start_shape(&weir,
                       &(struct t_shape){.workers = 4,
                                         .port = origin.port,
                                         .pool = "    connections: {share: false, max: 1}\n"});

    for (int i = 0; i < 40; i++)
        t_one_shot(&weir, t_text("/?n=%d", i));
    t_pool_assert(&weir, "connections/stolen", 0);
    int64_t evicted = t_pool_number(&weir, "connections/closed/surplus");
    cr_assert_gt(evicted, 0);
    t_pool_assert(&weir, "connections/opened", evicted + 1);
    t_pool_assert(&weir, "queue/timed_out", 0);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}
