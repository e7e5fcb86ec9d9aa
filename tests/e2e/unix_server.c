/* A server at a Unix socket is pooled as one at a port is, and nothing is said of it that only TCP
 * could tell. */
#include "support/t_ask.h"
#include "support/t_tls_origin.h"

#include <string.h>
#include <unistd.h>

static struct t_origin origin;
static struct t_weir weir;
static char *path;

static void start(int workers, const char *pool)
{
    path = t_path("app.sock");
    t_origin_open_unix(&origin, path, 64);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = workers,
                                                .servers = t_text("[{address: \"unix:%s\"}]", path),
                                                .pool = pool});
}

static json_t *of_server(const char *figure)
{
    json_t *servers = t_stats_find(t_stats(&weir), "pools/legacy/servers");
    json_t *server = json_object_get(servers, t_text("unix:%s", path));
    cr_assert_not_null(server);
    return t_stats_find(server, figure);
}

Test(unix_server, connections_are_reused_and_taken_by_other_workers)
{
    start(4, NULL);
    struct t_conn *upstream = NULL;
    for (int i = 0; i < 100; i++)
        upstream = t_round(&weir, &origin, upstream, "/");
    t_assert_number("connections", t_origin_connections(&origin), 1);
    t_pool_assert(&weir, "connections/reused", 99);
    t_weir_end(&weir);
}

/* Taken by another worker, it has two descriptors for a while; its end ends it for both. */
Test(unix_server, a_recalled_connection_ends_at_once)
{
    start(4, "    connections: {max_requests: 10}\n");
    for (int i = 0; i < 5; i++) {
        struct t_conn *upstream = NULL;
        for (int k = 0; k < 10; k++)
            upstream = t_round(&weir, &origin, upstream, "/");
        t_expect_end(upstream);
    }
    t_pool_await(&weir, "connections/closed/max_requests", 5);
    t_weir_end(&weir);
}

Test(unix_server, fin_ends_it_too)
{
    start(2, "    connections: {max_requests: 1, close: fin}\n");
    for (int i = 0; i < 5; i++)
        t_expect_end(t_round(&weir, &origin, NULL, "/"));
    t_weir_end(&weir);
}

Test(unix_server, one_that_the_server_ends_is_noticed)
{
    start(1, NULL);
    t_close(t_round(&weir, &origin, NULL, "/"));
    t_pool_await(&weir, "connections/closed/by_server_idle", 1);
    t_round(&weir, &origin, NULL, "/");
    t_weir_end(&weir);
}

Test(unix_server, nothing_of_tcp_is_told)
{
    start(1, NULL);
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/");
    t_round(&weir, &origin, upstream, "/");
    t_close(t_round(&weir, &origin, upstream, "/"));
    t_pool_await(&weir, "connections/closed/by_server_idle", 1);
    t_assert_number("avoided", json_integer_value(of_server("time_wait_avoided")), 0);
    t_pool_assert(&weir, "time_wait_avoided", 0);
    cr_expect(json_is_null(of_server("tcp/proxy_side")));
    cr_expect(json_is_null(of_server("tcp/server_side")));
    cr_expect(json_is_null(of_server("ports/in_use")));
    cr_expect(json_is_null(of_server("ports/available")));
    t_round(&weir, &origin, NULL, "/");
    struct t_message *connections = t_admin(&weir, "GET", "/connections");
    t_assert_contains(connections->body, "\"rtt_us\":null");
    t_assert_lacks(t_admin(&weir, "GET", "/metrics")->body, "weir_server_tcp_sockets{");
    t_weir_end(&weir);
}

/* The kernel says nothing of what a server has read: a POST that it may have seen is not sent again
 * without one byte of doubt. */
static struct t_conn *race(const char *method, const char **answer)
{
    start(1, NULL);
    struct t_conn *client = t_connect(weir.port), *upstream;
    t_send(client, "GET /first HTTP/1.1\r\nHost: h\r\n\r\n");
    upstream = t_accept(&origin);
    t_serve(upstream, "/first");
    t_read_response(client, "GET");
    t_pool_await(&weir, "connections/idle", 1);
    t_sendf(client, "%s /second HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", method);
    t_assert_text(t_read_request(upstream)->target, "/second");
    t_close(upstream);
    *answer = method;
    return client;
}

Test(unix_server, a_post_that_was_read_is_not_sent_again)
{
    const char *method;
    struct t_conn *client = race("POST", &method);
    t_assert_number("status", t_read_response(client, method)->status, 502);
    t_pool_assert(&weir, "races/failed", 1);
    t_pool_assert(&weir, "races/retried_on_evidence", 0);
    t_assert_number("connections", t_origin_connections(&origin), 1);
    t_weir_end(&weir);
}

Test(unix_server, what_can_be_repeated_is)
{
    const char *method;
    struct t_conn *client = race("PUT", &method);
    struct t_conn *fresh = t_accept(&origin);
    t_assert_text(t_read_request(fresh)->body, "hello");
    t_answer(fresh, "again");
    t_assert_text(t_read_response(client, method)->body, "again");
    t_weir_end(&weir);
}

/* Nothing of it can be written to one that has ended. */
Test(unix_server, a_post_that_met_a_closed_connection_is_sent_again)
{
    start(1, NULL);
    struct t_conn *client = t_connect(weir.port), *upstream, *fresh;
    t_send(client, "GET /first HTTP/1.1\r\nHost: h\r\n\r\n");
    upstream = t_accept(&origin);
    t_serve(upstream, "/first");
    t_read_response(client, "GET");
    t_pool_await(&weir, "connections/idle", 1);
    t_weir_freeze(&weir);
    t_send(client, "POST /second HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    t_close(upstream);
    t_weir_thaw(&weir);
    fresh = t_accept(&origin);
    t_assert_text(t_read_request(fresh)->body, "hello");
    t_answer(fresh, "again");
    t_assert_text(t_read_response(client, "POST")->body, "again");
    t_pool_assert(&weir, "races/failed", 0);
    t_weir_end(&weir);
}

/* With TCP the kernel sends another SYN; here weir asks again. */
Test(unix_server, a_full_queue_is_waited_for)
{
    path = t_path("app.sock");
    t_origin_open_unix(&origin, path, 0);
    struct t_conn *first = t_connect_unix(path);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1,
                                                .servers = t_text("[{address: \"unix:%s\"}]", path),
                                                .pool = "    timeouts: {connect: 1h}\n"
                                                        "    retry: {attempts: 0}\n"});
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    t_pool_await(&weir, "connections/connecting", 1);
    t_close(t_accept(&origin));
    t_expect_end(first);
    t_serve(t_accept(&origin), "/");
    t_await_answer(client, "GET", 200);
    t_pool_assert(&weir, "connections/opened", 1);
    t_weir_end(&weir);
}

Test(unix_server, a_queue_that_stays_full_is_a_time_out)
{
    path = t_path("app.sock");
    t_origin_open_unix(&origin, path, 0);
    t_connect_unix(path);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1,
                                                .servers = t_text("[{address: \"unix:%s\"}]", path),
                                                .pool = "    timeouts: {connect: 100ms}\n"
                                                        "    retry: {attempts: 0}\n"});
    t_await_answer(t_ask(&weir, "GET", "/", NULL), "GET", 502);
    t_pool_assert(&weir, "connections/closed/timeout", 1);
    t_weir_end(&weir);
}

Test(unix_server, one_that_is_not_there_is_a_failure)
{
    path = t_path("app.sock");
    t_origin_open_unix(&origin, path, 8);
    t_origin_close(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1,
                                                .servers = t_text("[{address: \"unix:%s\"}]", path),
                                                .pool = "    retry: {attempts: 0}\n"});
    t_await_answer(t_ask(&weir, "GET", "/", NULL), "GET", 502);
    t_weir_await_log(&weir, "Connection refused");
    unlink(path);
    t_origin_open_unix(&origin, path, 8);
    t_round(&weir, &origin, NULL, "/");
    t_weir_end(&weir);
}

/* Sources are addresses; the one server that has none is reached all the same. */
Test(unix_server, sources_are_for_the_others)
{
    struct t_origin other;
    path = t_path("app.sock");
    t_origin_open_unix(&origin, path, 64);
    t_origin_open(&other);
    t_weir_start_shape(
        &weir, &(struct t_shape){.workers = 1,
                                 .servers = t_text("[{address: \"unix:%s\"}, "
                                                   "{address: \"127.0.0.1:%d\", backup: true}]",
                                                   path, other.port),
                                 .pool = "    connections: {source: [127.0.0.1]}\n"});
    t_round(&weir, &origin, NULL, "/");
    t_weir_end(&weir);
}

/* A health check asks for `localhost`: a path is no host. */
Test(unix_server, it_is_checked)
{
    start(1, "    health: {path: /up, interval: 1h}\n");
    struct t_conn *check = t_accept(&origin);
    t_expect(check, "GET /up HTTP/1.1\r\nHost: localhost\r\n");
    t_read_until(check, "\r\n\r\n");
    t_answer(check, "");
    t_stats_await(&weir, t_text("pools/legacy/requests/total"), 0);
    t_weir_end(&weir);
}

/* The path is no name that a certificate could be for, or that SNI may say. */
Test(unix_server, over_tls_is_localhost)
{
    struct t_tls tls;
    t_ca_write();
    t_tls_open(&tls, "origin", &(struct t_certificate){.names = "DNS:localhost"});
    start(1, "    tls: {ca_file: ca.pem}\n");
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    struct t_conn *upstream = t_tls_accept(&origin, &tls);
    t_assert_text(tls.last_sni, "localhost");
    t_serve(upstream, "/");
    t_await_answer(client, "GET", 200);
    t_weir_end(&weir);
}
