/* weir learns how long a server keeps connections, and leaves before the server does. */
#include "support/t_ask.h"

static json_t *learned(struct t_weir *weir, struct t_origin *origin, const char *key)
{
    char path[256];

    snprintf(path, sizeof(path), "pools/legacy/servers/127.0.0.1:%d/keep_alive/%s", origin->port,
             key);
    return t_stats_find(t_stats(weir), path);
}

static void open_both(struct t_weir *weir, struct t_origin *origin)
{
    t_origin_open(origin);
    t_weir_start_shape(weir, &(struct t_shape){.port = origin->port, .workers = 1});
}

Test(keep_alive_learning, by_announcement)
{
    struct t_origin origin;
    struct t_weir weir;
    open_both(&weir, &origin);

    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_send(upstream,
           "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1, max=9\r\nContent-Length: 2\r\n\r\nok");
    t_await_answer(client, "GET", 200);
    cr_assert_eq(json_integer_value(learned(&weir, &origin, "idle_timeout_ms")), 1000);
    cr_assert_eq(json_integer_value(learned(&weir, &origin, "max_requests")), 10);
    t_assert_text(json_string_value(learned(&weir, &origin, "learned_from")), "header");

    /* The server would have closed after a second; weir does, before it. */
    t_expect_reset(upstream);
    t_pool_await(&weir, "connections/closed/learned_idle", 1);
    t_pool_assert(&weir, "connections/closed/idle_timeout", 0);
    t_weir_end(&weir);
}

Test(keep_alive_learning, max_0_is_the_last)
{
    struct t_origin origin;
    struct t_weir weir;
    open_both(&weir, &origin);

    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_send(upstream, "HTTP/1.1 200 OK\r\nKeep-Alive: max=0\r\nContent-Length: 2\r\n\r\nok");
    t_await_answer(client, "GET", 200);
    t_expect_reset(upstream);
    t_pool_await(&weir, "connections/closed/not_reusable", 1);
    t_weir_end(&weir);
}

/* Four connections that end at once after one request each teach that one is all they take; the
 * next is not parked. Not at once are those whose end a busy machine held up for 100 ms: it takes
 * some more then. */
Test(keep_alive_learning, by_observation_of_requests)
{
    struct t_origin origin;
    struct t_weir weir;
    open_both(&weir, &origin);

    for (int i = 1;
         i <= 4 || (i <= 100 && json_integer_value(learned(&weir, &origin, "max_requests")) != 1);
         i++) {
        struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
        struct t_conn *upstream = t_accept(&origin);
        t_read_request(upstream);
        t_answer(upstream, "ok");
        t_close(upstream);
        t_await_answer(client, "GET", 200);
        t_pool_await(&weir, "connections/closed/by_server_idle", i);
    }
    cr_assert_eq(json_integer_value(learned(&weir, &origin, "max_requests")), 1);
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/");
    t_expect_reset(upstream);
    t_pool_await(&weir, "connections/closed/max_requests", 1);
    t_weir_end(&weir);
}

static const struct {
    const char *answer;
    bool half_closes;
    const char *reason;
} unkept[] = {
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false,
     "closes after each response"},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, "HTTP/1.0 without keep-alive"},
    {"HTTP/1.1 200 OK\r\n\r\nok", true, "response without a length"},
};

Test(keep_alive_learning, why_a_server_keeps_none)
{
    for (size_t i = 0; i < sizeof(unkept) / sizeof(unkept[0]); i++) {
        struct t_origin origin;
        struct t_weir weir;
        open_both(&weir, &origin);

        for (int k = 0; k < 3; k++) {
            struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
            struct t_conn *upstream = t_accept(&origin);
            t_read_request(upstream);
            t_send(upstream, unkept[i].answer);
            if (unkept[i].half_closes)
                t_half_close(upstream);
            t_await_answer(client, "GET", 200);
            t_expect_any_end(upstream);
        }
        cr_assert(json_is_false(learned(&weir, &origin, "honoured")));
        t_assert_text(json_string_value(learned(&weir, &origin, "reason")), unkept[i].reason);

        /* A server that starts to keep connections is noticed. */
        t_round(&weir, &origin, NULL, "/");
        cr_assert(json_is_true(learned(&weir, &origin, "honoured")));
        t_pool_assert(&weir, "connections/idle", 1);
        t_weir_end(&weir);
    }
}
