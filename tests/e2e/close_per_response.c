/* A server that closes after each answer is served as well: nothing is kept, nothing fails. */
#include "support/t_ask.h"

enum { REQUESTS = 50 };

static const char *const moods[] = {"connection=close",
                                    "version=1.0",
                                    "framing=close",
                                    "version=1.0&framing=close",
                                    "connection=close&framing=chunked",
                                    "keepalive_requests=1"};

Test(close_per_response, every_way_to_close)
{
    for (size_t i = 0; i < sizeof(moods) / sizeof(moods[0]); i++) {
        struct t_real_origin origin;
        struct t_weir weir;
        t_real_origin_start(&origin, moods[i]);
        t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});
        for (int k = 0; k < REQUESTS; k++) {
            struct t_message *answer = t_one_shot(&weir, t_text("/?size=1000&seed=%d", k));
            t_assert_number("size", (int64_t)answer->body_len, 1000);
            t_assert_number("match", (int64_t)t_pattern_match(answer->body, 1000, (uint64_t)k),
                            1000);
        }
        t_weir_assert_no_leak(&weir);
        t_pool_assert(&weir, "connections/opened", REQUESTS);
        t_pool_assert(&weir, "connections/closed/not_reusable", REQUESTS);
        t_pool_assert(&weir, "connections/idle", 0);
        t_pool_assert(&weir, "requests/retried", 0);
        t_weir_end(&weir);
        t_real_origin_stop(&origin);
    }
}

/* It says nothing and closes: whether weir sees the end in time or not, no request is lost. */
Test(close_per_response, without_a_word)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, "body=x&fail=close_after_answer_unannounced");
    t_weir_start_shape(
        &weir, &(struct t_shape){.port = origin.port, .pool = "    retry: {budget: off}\n"});
    for (int i = 0; i < REQUESTS; i++)
        t_assert_text(t_one_shot(&weir, "/")->body, "x");
    t_pool_assert(&weir, "requests/failed", 0);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

/* The client's connection outlives each of the server's. */
Test(close_per_response, the_clients_connection_lives_on)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, "framing=close");
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    struct t_conn *client = t_connect(weir.port);
    for (int i = 0; i < REQUESTS; i++) {
        struct t_message *answer = t_get(client, t_text("/?size=500&seed=%d", i));
        t_assert_number("framing", answer->framing, T_FRAMING_CHUNKED);
        t_assert_number("match", (int64_t)t_pattern_match(answer->body, 500, (uint64_t)i), 500);
    }
    t_stats_assert(&weir, "listeners/web/connections/accepted", 1);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

Test(close_per_response, under_load)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, "connection=close");
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    struct t_load load = {
        .port = weir.port, .concurrency = 30, .requests = 3000, .reset_clients = true};
    struct t_load_result result = t_load_run(&load);
    t_load_assert_ok(&load, &result);
    t_weir_assert_no_leak(&weir);
    t_pool_assert(&weir, "connections/opened", 3000);
    t_pool_assert(&weir, "connections/reused", 0);
    t_assert_number("TIME_WAIT", t_tcp_count(T_TCP_LOCAL, origin.port, T_TCP_TIME_WAIT), 0);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}
