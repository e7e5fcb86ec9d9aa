/* /stats has the shape that was promised and tells the truth; the admin endpoint is hard to
 * disturb. */
#include "support/t_ask.h"

#include <stdio.h>
#include <string.h>

enum { SLOW_ONES = 100 };

/* Every figure of INTERFACE.md that exists so far. */
static const char *const numbers[] = {
    "weir/pid",
    "weir/uptime_s",
    "weir/generation",
    "weir/workers",
    "listeners/web/connections/active",
    "listeners/web/connections/accepted",
    "listeners/web/connections/rejected",
    "listeners/web/requests/active",
    "listeners/web/requests/total",
    "listeners/web/requests/1xx",
    "listeners/web/requests/2xx",
    "listeners/web/requests/3xx",
    "listeners/web/requests/4xx",
    "listeners/web/requests/5xx",
    "listeners/web/bytes/in",
    "listeners/web/bytes/out",
    "listeners/web/tcp/established",
    "listeners/web/tcp/fin_wait1",
    "listeners/web/tcp/fin_wait2",
    "listeners/web/tcp/time_wait",
    "listeners/web/tcp/close_wait",
    "listeners/web/tcp/last_ack",
    "listeners/web/tcp/closing",
    "listeners/web/tcp/syn_recv",
    "pools/legacy/queue/waiting",
    "pools/legacy/queue/timed_out",
    "pools/legacy/queue/rejected",
    "pools/legacy/latency_ms/queue/p50",
};

/* Of each server. */
static const char *const of_servers[] = {
    "ports/in_use",
    "ports/time_wait",
    "ports/available",
    "tcp/proxy_side/established",
    "tcp/proxy_side/syn_sent",
    "tcp/proxy_side/time_wait",
    "tcp/server_side/established",
    "tcp/server_side/time_wait",
};

/* These of a pool and of each of its servers. */
static const char *const common[] = {
    "requests/active",
    "requests/total",
    "requests/retried",
    "requests/failed",
    "connections/idle",
    "connections/active",
    "connections/connecting",
    "connections/opened",
    "connections/reused",
    "connections/stolen",
    "connections/prewarmed",
    "connections/quick_acks",
    "connections/closed/idle_timeout",
    "connections/closed/learned_idle",
    "connections/closed/max_requests",
    "connections/closed/max_age",
    "connections/closed/surplus",
    "connections/closed/by_server_idle",
    "connections/closed/by_server_active",
    "connections/closed/not_reusable",
    "connections/closed/poisoned",
    "connections/closed/client_gone",
    "connections/closed/timeout",
    "connections/closed/error",
    "connections/closed/no_port",
    "connections/closed/flushed",
    "connections/closed/server_gone",
    "connections/closed/shutdown",
    "reuse_ratio",
    "time_wait_avoided",
    "latency_ms/connect/p50",
    "latency_ms/response/p50",
    "latency_ms/response/p90",
    "latency_ms/response/p99",
    "latency_ms/response/max",
};

Test(stats, the_shape)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 3, .port = origin.port});
    json_t *stats = t_stats(&weir);
    const char *server = t_text("pools/legacy/servers/127.0.0.1:%d", origin.port);

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        cr_expect(json_is_number(t_stats_find(stats, numbers[i])), "%s", numbers[i]);
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        cr_expect(json_is_number(t_stats_find(stats, t_text("pools/legacy/%s", common[i]))),
                  "pool: %s", common[i]);
        cr_expect(json_is_number(t_stats_find(stats, t_text("%s/%s", server, common[i]))),
                  "server: %s", common[i]);
    }
    for (size_t i = 0; i < sizeof(of_servers) / sizeof(of_servers[0]); i++)
        cr_expect(json_is_number(t_stats_find(stats, t_text("%s/%s", server, of_servers[i]))),
                  "server: %s", of_servers[i]);
    t_assert_text(json_string_value(t_stats_find(stats, "weir/state")), "running");
    cr_assert(json_is_string(t_stats_find(stats, "weir/version")));
    t_assert_number("pid", json_integer_value(t_stats_find(stats, "weir/pid")), weir.process.pid);
    t_assert_number("workers", json_integer_value(t_stats_find(stats, "weir/workers")), 3);
    json_t *addresses = t_stats_find(stats, "listeners/web/addresses");
    t_assert_text(json_string_value(json_array_get(addresses, 0)),
                  t_text("127.0.0.1:%d", weir.port));
    t_assert_text(json_string_value(t_stats_find(stats, t_text("%s/state", server))), "up");
    cr_assert(json_is_integer(t_stats_find(stats, t_text("%s/ports/exhausted", server))));
    cr_assert(json_is_false(t_stats_find(stats, t_text("%s/ports/paused", server))));
    t_weir_end(&weir);
}

/* Says REQUEST on a connection of its own, and notes the bytes. */
static void say(struct t_weir *weir, const char *request, int status, size_t *in, size_t *out)
{
    size_t len;
    struct t_conn *client = t_connect(weir->port);
    t_send(client, request);
    char *got = t_read_to_end(client, &len);
    t_assert_contains(got, t_text("HTTP/1.1 %d ", status));
    t_close(client);
    *in += strlen(request);
    *out += len;
}

Test(stats, what_was_done_is_what_is_told)
{
    struct t_real_origin origin;
    struct t_weir weir;
    size_t in = 0, out = 0;
    t_real_origin_start(&origin, NULL);
    t_weir_start_shape(
        &weir, &(struct t_shape){.port = origin.port, .pool = "    retry: {attempts: 1}\n"});
#define ASK(target) "GET " target " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    for (int i = 0; i < 3; i++)
        say(&weir, ASK("/?size=12345"), 200, &in, &out);
    say(&weir, ASK("/?status=204&interim=103"), 204, &in, &out);
    say(&weir, ASK("/?status=302"), 302, &in, &out);
    say(&weir, ASK("/?status=404"), 404, &in, &out);
    say(&weir, ASK("/?status=503"), 503, &in, &out);
    say(&weir, ASK("/?fail=close_before_answer"), 502, &in, &out);
    say(&weir, "GET / HTTP/1.1\r\n\r\n", 400, &in, &out);
    t_weir_assert_no_leak(&weir);
    t_stats_await(&weir, "listeners/web/connections/active", 0);

    t_stats_assert(&weir, "listeners/web/connections/accepted", 9);
    t_stats_assert(&weir, "listeners/web/requests/total", 9);
    t_stats_assert(&weir, "listeners/web/requests/1xx", 1);
    t_stats_assert(&weir, "listeners/web/requests/2xx", 4);
    t_stats_assert(&weir, "listeners/web/requests/3xx", 1);
    t_stats_assert(&weir, "listeners/web/requests/4xx", 2);
    t_stats_assert(&weir, "listeners/web/requests/5xx", 2);
    t_stats_assert(&weir, "listeners/web/bytes/in", (int64_t)in);
    t_stats_assert(&weir, "listeners/web/bytes/out", (int64_t)out);
    /* Eight that wanted a server; one of them was sent twice, in vain. */
    t_pool_assert(&weir, "requests/total", 8);
    t_pool_assert(&weir, "requests/retried", 1);
    t_pool_assert(&weir, "requests/failed", 1);
    t_pool_assert(&weir, t_text("servers/127.0.0.1:%d/requests/total", origin.port), 9);
    struct t_origin_counts counts = t_real_origin_counts(&origin);
    t_assert_number("requests", counts.requests, 9);
    t_pool_assert(&weir, "connections/opened", counts.accepted);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

Test(stats, latencies)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, "body=x");
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});
    for (int i = 0; i < 10; i++)
        t_one_shot(&weir, "/?delay=30ms");
    json_t *latency = t_stats_find(t_stats(&weir), "pools/legacy/latency_ms");
    double p50 = json_real_value(t_stats_find(latency, "response/p50"));
    double p99 = json_real_value(t_stats_find(latency, "response/p99"));
    double max = json_real_value(t_stats_find(latency, "response/max"));
    cr_assert_geq(p50, 28.0);
    cr_assert_leq(p50, p99);
    cr_assert_leq(p99, max * 1.1);
    cr_assert_lt(max, 60000.0);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

/* At every moment what was opened is where it is, or has ended for a reason. */
Test(stats, connections_add_up_under_load)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, NULL);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 4,
                                                .port = origin.port,
                                                .pool = "    connections: {max_requests: 7}\n"});
    struct t_load_beside beside = {
        .load = {.port = weir.port, .concurrency = 25, .requests = 4000, .reset_clients = true}};
    t_load_start(&beside);
    int64_t opened_before = 0;
    for (int64_t total = 0; total < 3500; total = t_pool_number(&weir, "requests/total")) {
        json_t *now = t_stats_find(t_stats(&weir), "pools/legacy/connections");
        int64_t opened = json_integer_value(t_stats_find(now, "opened")), sum = 0;
        const char *reason;
        json_t *count;
        json_object_foreach(t_stats_find(now, "closed"), reason, count)
        {
            sum += json_integer_value(count);
        }
        sum += json_integer_value(t_stats_find(now, "idle")) +
               json_integer_value(t_stats_find(now, "active")) +
               json_integer_value(t_stats_find(now, "connecting"));
        t_assert_number("opened", opened, sum);
        cr_assert_geq(opened, opened_before, "from %d to %d", (int)opened_before, (int)opened);
        opened_before = opened;
    }
    t_load_join(&beside);
    t_load_assert_ok(&beside.load, &beside.result);
    t_weir_assert_no_leak(&weir);
    t_assert_number("accepted", t_real_origin_counts(&origin).accepted,
                    t_pool_number(&weir, "connections/opened"));
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

/* ---- The admin endpoint ---- */

static void start(struct t_weir *weir)
{
    t_weir_start_shape(weir, &(struct t_shape){.workers = 1, .port = t_free_port()});
}

Test(stats, pages_and_methods)
{
    struct t_weir weir;
    start(&weir);
    struct t_message *answer = t_admin(&weir, "GET", "/stats");
    t_assert_number("stats", answer->status, 200);
    t_assert_text(t_field(answer, "Content-Type"), "application/json");
    t_assert_number("stats?", t_admin(&weir, "GET", "/stats?pretty=1")->status, 200);
    answer = t_admin(&weir, "GET", "/healthz");
    t_assert_number("health", answer->status, 200);
    answer = t_admin(&weir, "HEAD", "/stats");
    t_assert_number("HEAD", answer->status, 200);
    t_assert_number("body", (int64_t)answer->body_len, 0);
    static const char *const methods[] = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
    for (size_t i = 0; i < 5; i++) {
        answer = t_admin(&weir, methods[i], "/stats");
        t_assert_number(methods[i], answer->status, 405);
        t_assert_contains(t_field(answer, "Allow"), "GET");
    }
    t_assert_number("unknown", t_admin(&weir, "GET", "/etc/passwd")->status, 404);
    t_assert_number("above", t_admin(&weir, "GET", "/../stats")->status, 404);
    t_weir_end(&weir);
}

Test(stats, bad_requests_are_refused)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"hello\r\n\r\n", 400},
        {"GET /stats HTTP/1.1\r\n\r\n", 400},
        {"GET /stats HTTP/1.1\nHost: h\n\n", 400},
        {"GET /stats HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400},
        {"GET /stats HTTP/1.1\r\nHost : h\r\n\r\n", 400},
        {"POST /stats HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked"
         "\r\n\r\n",
         400},
    };
    struct t_weir weir;
    start(&weir);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct t_conn *conn = t_connect(weir.admin_port);
        t_send(conn, cases[i].request);
        t_assert_number(cases[i].request, t_read_response(conn, "GET")->status, cases[i].status);
        t_expect_end(conn);
        t_close(conn);
    }
    struct t_conn *conn = t_connect(weir.admin_port);
    t_send(conn, "GET /stats HTTP/1.1\r\nHost: h\r\nX: ");
    char filler[16384];
    memset(filler, 'x', sizeof(filler));
    t_try_send(conn, filler, sizeof(filler));
    t_assert_number("oversized", t_read_response(conn, "GET")->status, 431);
    t_close(conn);
    t_weir_end(&weir);
}

/* Those who begin to speak and stop do not keep others out. */
Test(stats, slow_requests_do_not_block_it)
{
    struct t_weir weir;
    struct t_conn *slow[SLOW_ONES];
    start(&weir);
    int64_t since_ms = t_now_ms();
    for (int i = 0; i < SLOW_ONES; i++) {
        slow[i] = t_connect(weir.admin_port);
        t_try_send(slow[i], "GET /st", 7);
    }
    for (int i = 0; i < 20; i++)
        t_assert_number("health", t_admin(&weir, "GET", "/healthz")->status, 200);
    /* The latest of them is still heard out, unless its ten seconds may be over. */
    t_try_send(slow[SLOW_ONES - 1], "ats HTTP/1.1\r\nHost: h\r\n\r\n", 25);
    if (t_now_ms() - since_ms < 8000)
        t_assert_number("stats", t_read_response(slow[SLOW_ONES - 1], "GET")->status, 200);
    t_weir_end(&weir);
}

/* One that does not read its answer. */
Test(stats, a_reader_that_stops_does_not_block_it)
{
    struct t_weir weir;
    start(&weir);
    struct t_conn *conn = t_connect_small(weir.admin_port, 2048);
    t_send(conn, "GET /stats HTTP/1.1\r\nHost: h\r\n\r\n");
    t_await_read_by_peer(conn);
    for (int i = 0; i < 5; i++)
        t_assert_number("stats", t_admin(&weir, "GET", "/stats")->status, 200);
    t_assert_number("stats", t_read_response(conn, "GET")->status, 200);
    t_weir_end(&weir);
}
