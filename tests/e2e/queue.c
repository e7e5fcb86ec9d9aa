/* At the maximum requests wait in the order of their arrival over all workers, within limits. */
#include "support/t_ask.h"

#include <signal.h>

enum { WAITERS = 12 };

/* One connection, busy with /busy. */
struct busy {
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *client, *upstream;
};

static void open_busy(struct busy *busy, const char *queue)
{
    t_origin_open(&busy->origin);
    t_weir_start_shape(&busy->weir, &(struct t_shape){.workers = 4,
                                                      .port = busy->origin.port,
                                                      .pool = t_text("    connections: {max: 1}\n"
                                                                     "    queue: %s\n",
                                                                     queue)});
    busy->client = t_ask(&busy->weir, "GET", "/busy", NULL);
    busy->upstream = t_accept(&busy->origin);
    t_assert_text(t_read_request(busy->upstream)->target, "/busy");
}

static void free_busy(struct busy *busy)
{
    t_answer(busy->upstream, "x");
    t_await_answer(busy->client, "GET", 200);
}

/* One more client, and it waits: the WAITING-th. */
static struct t_conn *wait_for(struct busy *busy, const char *target, int waiting)
{
    struct t_conn *client = t_ask(&busy->weir, "GET", target, NULL);
    t_pool_await(&busy->weir, "queue/waiting", waiting);
    return client;
}

Test(queue, who_came_first_is_served_first)
{
    struct busy busy;
    struct t_conn *clients[WAITERS];
    open_busy(&busy, "{timeout: 30s}");

    for (int i = 0; i < WAITERS; i++)
        clients[i] = wait_for(&busy, t_text("/%d", i), i + 1);
    free_busy(&busy);
    for (int i = 0; i < WAITERS; i++) {
        t_serve(busy.upstream, t_text("/%d", i));
        t_assert_text(t_await_answer(clients[i], "GET", 200)->body, t_text("/%d", i));
    }
    t_assert_number("connections", t_origin_connections(&busy.origin), 1);
    t_pool_assert(&busy.weir, "queue/waiting", 0);
    t_pool_assert(&busy.weir, "connections/opened", 1);
    t_weir_end(&busy.weir);
}

/* The connection ends instead of coming free: its place goes on all the same. */
Test(queue, the_place_of_a_connection_that_ended_goes_to_the_first)
{
    struct busy busy;
    struct t_conn *clients[3];
    open_busy(&busy, "{timeout: 30s}");

    for (int i = 0; i < 3; i++)
        clients[i] = wait_for(&busy, t_text("/%d", i), i + 1);
    t_send(busy.upstream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    t_await_answer(busy.client, "GET", 200);
    for (int i = 0; i < 3; i++) {
        struct t_conn *upstream = t_accept(&busy.origin);
        t_assert_text(t_read_request(upstream)->target, t_text("/%d", i));
        t_send(upstream, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx");
        t_await_answer(clients[i], "GET", 200);
    }
    t_pool_assert(&busy.weir, "connections/opened", 4);
    t_weir_end(&busy.weir);
}

Test(queue, whoever_finds_it_full_is_told_at_once)
{
    struct busy busy;
    open_busy(&busy, "{max: 2, timeout: 30s}");

    struct t_conn *one = wait_for(&busy, "/1", 1), *two = wait_for(&busy, "/2", 2);
    struct t_conn *three = t_ask(&busy.weir, "GET", "/3", NULL);
    struct t_message *answer = t_await_answer(three, "GET", 503);
    t_assert_contains(answer->body, "queue");
    cr_assert_not_null(t_field(answer, "Retry-After"));
    t_pool_assert(&busy.weir, "queue/rejected", 1);
    free_busy(&busy);
    t_serve(busy.upstream, "/1");
    t_serve(busy.upstream, "/2");
    t_await_answer(one, "GET", 200);
    t_await_answer(two, "GET", 200);
    t_weir_end(&busy.weir);
}

Test(queue, whoever_waits_too_long_is_told)
{
    struct busy busy;
    open_busy(&busy, "{timeout: 300ms}");

    int64_t since_ms = t_now_ms();
    struct t_conn *one = t_ask(&busy.weir, "GET", "/1", NULL);
    struct t_conn *two = t_ask(&busy.weir, "GET", "/2", NULL);
    t_assert_contains(t_await_answer(one, "GET", 503)->body, "wait for a server connection");
    t_await_answer(two, "GET", 503);
    cr_assert_geq(t_now_ms() - since_ms, 290);
    t_pool_assert(&busy.weir, "queue/timed_out", 2);
    t_pool_assert(&busy.weir, "queue/waiting", 0);
    free_busy(&busy);
    t_round(&busy.weir, &busy.origin, busy.upstream, "/after");
    t_weir_end(&busy.weir);
}

/* A request on a kept connection that waits in vain: the connection lives on. */
Test(queue, a_kept_client_survives_its_wait)
{
    struct busy busy;
    open_busy(&busy, "{timeout: 100ms}");

    struct t_conn *client = t_connect(busy.weir.port);
    t_assert_number("status", t_get(client, "/1")->status, 503);
    free_busy(&busy);
    t_send(client, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    t_serve(busy.upstream, "/2");
    t_assert_number("status", t_read_response(client, "GET")->status, 200);
    t_weir_end(&busy.weir);
}

Test(queue, a_client_that_leaves_gives_its_place_up)
{
    struct busy busy;
    open_busy(&busy, "{max: 2, timeout: 30s}");

    struct t_conn *one = wait_for(&busy, "/1", 1), *two = wait_for(&busy, "/2", 2);
    t_reset(one);
    t_pool_await(&busy.weir, "queue/waiting", 1);
    struct t_conn *three = wait_for(&busy, "/3", 2);
    free_busy(&busy);
    t_serve(busy.upstream, "/2");
    t_serve(busy.upstream, "/3");
    t_await_answer(two, "GET", 200);
    t_await_answer(three, "GET", 200);
    t_weir_end(&busy.weir);
}

/* It has said all it wants to say, and still listens. */
Test(queue, a_client_that_half_closes_is_served)
{
    struct busy busy;
    open_busy(&busy, "{timeout: 30s}");

    struct t_conn *client = wait_for(&busy, "/1", 1);
    t_half_close(client);
    free_busy(&busy);
    t_serve(busy.upstream, "/1");
    t_assert_text(t_await_answer(client, "GET", 200)->body, "/1");
    t_weir_end(&busy.weir);
}

/* What a reload gives those who wait need not wait for anybody else to come. */
Test(queue, a_reload_that_raises_the_maximum_serves_who_waits)
{
    struct t_shape shape = {.workers = 4, .pool = "    connections: {max: 1}\n"};
    struct busy busy;
    t_origin_open(&busy.origin);
    shape.port = busy.origin.port;
    t_weir_start_shape(&busy.weir, &shape);
    busy.client = t_ask(&busy.weir, "GET", "/busy", NULL);
    busy.upstream = t_accept(&busy.origin);
    t_read_request(busy.upstream);
    struct t_conn *waiter = wait_for(&busy, "/waits", 1);
    shape.pool = "    connections: {max: 2}\n";
    t_weir_reshape(&busy.weir, &shape);
    t_weir_signal(&busy.weir, SIGHUP);
    t_serve(t_accept(&busy.origin), "/waits");
    t_await_answer(waiter, "GET", 200);
    free_busy(&busy);
    t_weir_end(&busy.weir);
}

/* The server that they wait for has left the file: it ends what it has, and they go elsewhere; the
 * rules that they came by stay. */
Test(queue, who_waits_for_a_server_that_leaves_goes_to_the_next)
{
    struct t_shape shape = {.workers = 4, .pool = "    connections: {max: 1}\n"};
    struct t_origin next;
    struct busy busy;
    t_origin_open(&busy.origin);
    t_origin_open(&next);
    shape.port = busy.origin.port;
    t_weir_start_shape(&busy.weir, &shape);
    busy.client = t_ask(&busy.weir, "GET", "/busy", NULL);
    busy.upstream = t_accept(&busy.origin);
    t_read_request(busy.upstream);
    struct t_conn *waiter = t_ask(&busy.weir, "POST", "/waits", "Content-Length: 4\r\n");
    t_send(waiter, "bo");
    t_pool_await(&busy.weir, "queue/waiting", 1);
    shape.port = next.port;
    shape.listener = "    limits: {body_bytes: 1}\n";
    t_weir_reshape(&busy.weir, &shape);
    t_weir_signal(&busy.weir, SIGHUP);
    struct t_conn *upstream = t_accept(&next);
    t_read_head(upstream);
    t_expect(upstream, "bo");
    t_send(waiter, "dy");
    t_expect(upstream, "dy");
    t_answer(upstream, "x");
    t_await_answer(waiter, "POST", 200);
    free_busy(&busy);
    t_weir_end(&busy.weir);
}

Test(queue, every_waiter_is_served_under_load)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, NULL);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 4,
                                                .port = origin.port,
                                                .pool = "    connections: {max: 3}\n"
                                                        "    queue: {timeout: 30s}\n"});

    struct t_load load = {
        .port = weir.port, .concurrency = 80, .requests = 4000, .reset_clients = true};
    struct t_load_result result = t_load_run(&load);
    t_load_assert_ok(&load, &result);
    cr_assert_gt(json_real_value(t_stats_find(t_stats(&weir), "pools/legacy/latency_ms/queue/max")),
                 0.0);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}
