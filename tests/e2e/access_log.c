/* Every request leaves one line in the access log that says what became of it. */
#include "support/t_access.h"

#include <regex.h>
#include <string.h>

#define LOG "access_log: {to: \"@dir@/access\"}\n"

static struct t_origin origin;
static struct t_weir weir;

static void start(const char *pool)
{
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir, &(struct t_shape){.workers = 1, .port = origin.port, .pool = pool, .top = LOG});
}

static json_t *line(int index)
{
    t_stats_await_at_least(&weir, "access_log/written", index + 1);
    return t_access_line(t_access_text("access"), index);
}

Test(access_log, a_fresh_and_a_reused_connection)
{
    start(NULL);
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/first?a=b");
    t_pool_await(&weir, "connections/idle", 1);
    t_round(&weir, &origin, upstream, "/second");

    json_t *first = line(0), *second = line(1);
    t_access_assert(first, "{'client': '127.0.0.1', 'listener': 'web', 'method': 'GET', 'target': "
                           "'/first?a=b', 'protocol': 'HTTP/1.1', 'host': 'test', 'status': 200, "
                           "'pool': 'legacy', 'connection': 'fresh', 'connection_requests': 1, "
                           "'retries': 0, 'reason': null}");
    t_assert_text(json_string_value(json_object_get(first, "server")),
                  t_text("127.0.0.1:%d", origin.port));
    t_access_assert(second, "{'target': '/second', 'connection': 'reused', 'connection_requests': "
                            "2, 'connect_ms': 0.0, 'queue_ms': 0.0, 'reason': null}");
    /* GET … \r\nHost: test\r\nConnection: close\r\n\r\n */
    t_access_assert(first, "{'bytes_in': 58}");
    t_access_assert(second, "{'bytes_in': 55}");
    double parts = json_number_value(json_object_get(first, "queue_ms")) +
                   json_number_value(json_object_get(first, "connect_ms")) +
                   json_number_value(json_object_get(first, "first_byte_ms"));
    cr_expect_leq(parts, json_number_value(json_object_get(first, "total_ms")) + 0.01);
    cr_expect_gt(parts, 0);
    t_weir_end(&weir);
}

Test(access_log, what_a_client_was_sent_is_counted)
{
    start(NULL);
    struct t_conn *client = t_connect(weir.port);
    t_send(client, "POST /in HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5\r\nhello\r\n0\r\n\r\n");
    struct t_conn *upstream = t_accept(&origin);
    t_assert_text(t_read_request(upstream)->body, "hello");
    t_send(upstream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    struct t_message *answer = t_read_response(client, "POST");
    t_access_assert(
        line(0), t_text("{'method': 'POST', 'bytes_in': 63, 'bytes_out': %zu}", answer->raw_len));

    t_send(client, "HEAD /head HTTP/1.0\r\n\r\n");
    t_assert_text(t_read_request(upstream)->method, "HEAD");
    t_send(upstream, "HTTP/1.1 204 No Content\r\n\r\n");
    answer = t_read_response(client, "HEAD");
    t_access_assert(line(1), t_text("{'method': 'HEAD', 'protocol': 'HTTP/1.0', 'host': null, "
                                    "'status': 204, 'bytes_in': 23, 'bytes_out': %zu}",
                                    answer->raw_len));
    t_weir_end(&weir);
}

Test(access_log, a_request_that_was_sent_again)
{
    start(NULL);
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/first");
    t_pool_await(&weir, "connections/idle", 1);
    struct t_conn *client = t_ask(&weir, "GET", "/again", NULL);
    t_read_request(upstream);
    t_close(upstream);
    t_serve(t_accept(&origin), "/again");
    t_await_answer(client, "GET", 200);
    t_access_assert(line(1), "{'target': '/again', 'status': 200, 'retries': 1, 'connection': "
                             "'fresh', 'connection_requests': 1, 'reason': null}");
    t_weir_end(&weir);
}

Test(access_log, time_in_the_queue_and_for_the_answer)
{
    start("    connections: {max: 1}\n    queue: {timeout: 30s}\n");
    struct t_conn *first = t_ask(&weir, "GET", "/0", NULL);
    struct t_conn *upstream = t_accept(&origin);
    struct t_conn *second = t_ask(&weir, "GET", "/1", NULL);
    t_pool_await(&weir, "queue/waiting", 1);
    int64_t since_ms = t_now_ms();
    while (t_now_ms() < since_ms + 30)
        t_nap();
    t_serve(upstream, "/0");
    t_await_answer(first, "GET", 200);
    t_serve(upstream, "/1");
    t_await_answer(second, "GET", 200);
    cr_expect_geq(json_number_value(json_object_get(line(0), "first_byte_ms")), 29);
    cr_expect_geq(json_number_value(json_object_get(line(1), "queue_ms")), 29);
    cr_expect_geq(json_number_value(json_object_get(line(1), "total_ms")), 29);
    t_access_assert(line(1), "{'connection': 'reused', 'connect_ms': 0.0}");
    t_weir_end(&weir);
}

/* ---- weir's own answers ---- */

static const char failures[] =
    "workers: 1\n"
    "log: {to: stderr, level: debug}\n"
    "admin: {listen: \"127.0.0.1:@admin@\"}\n" LOG "listeners:\n"
    "  web:\n"
    "    listen: [\"127.0.0.1:@port@\"]\n"
    "    limits: {connections: 2}\n"
    "    timeouts: {header: 1h}\n"
    "    routes:\n"
    "      - {path: /up, pool: up}\n"
    "      - {path: /late, pool: late}\n"
    "      - {path: /refused, pool: refused}\n"
    "pools:\n"
    "  up:\n"
    "    servers: [{address: \"127.0.0.1:%d\"}]\n"
    "    retry: {attempts: 0}\n"
    "  late: {servers: [{address: \"127.0.0.1:%d\"}], timeouts: {response: 300ms}}\n"
    "  refused: {servers: [{address: \"127.0.0.1:%d\"}], outlier: {failures: 0}}\n";

static void expect_own(int index, const char *request, int status, const char *values)
{
    struct t_conn *client = t_connect(weir.port);
    t_send(client, request);
    if (strstr(request, "/up/broken")) {
        struct t_conn *upstream = t_accept(&origin);
        t_read_request(upstream);
        t_send(upstream, "nonsense\r\n\r\n");
    }
    struct t_message *answer = t_read_response(client, "GET");
    t_assert_number("status", answer->status, status);
    json_t *got = line(index);
    t_access_assert(got, values);
    t_access_assert(got, t_text("{'status': %d, 'bytes_out': %zu}", status, answer->raw_len));
    t_close(client);
    t_stats_await(&weir, "listeners/web/connections/active", 0);
}

Test(access_log, answers_of_weirs_own)
{
    t_origin_open(&origin);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    t_weir_start(&weir, failures, origin.port, origin.port, t_free_port());
#pragma GCC diagnostic pop
    expect_own(0, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n", 404,
               "{'target': '/none', 'reason': 'NO_ROUTE', 'pool': null, 'server': null, "
               "'connection': null, 'queue_ms': null, 'connect_ms': null, 'first_byte_ms': null}");
    expect_own(1, "GET / HTTP/9.1\r\nHost: h\r\n\r\n", 400,
               "{'method': '-', 'target': '-', 'protocol': '-', 'host': null, 'reason': "
               "'BAD_REQUEST_LINE'}");
    expect_own(2, "GET /up HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400,
               "{'method': 'GET', 'target': '/up', 'host': 'a', 'reason': 'BAD_HOST'}");
    expect_own(3, "GET /up HTTP/1.1\r\nHost: h\r\nbad field: x\r\n\r\n", 400,
               "{'method': 'GET', 'target': '/up', 'protocol': 'HTTP/1.1', 'reason': 'BAD_FIELD'}");
    expect_own(4, "GET /refused HTTP/1.1\r\nHost: h\r\n\r\n", 502,
               "{'pool': 'refused', 'connection': null, 'reason': 'CONNECT_FAILED'}");
    expect_own(5, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n", 504,
               "{'pool': 'late', 'connection': 'fresh', 'first_byte_ms': null, 'reason': "
               "'RESPONSE_TIMEOUT'}");
    t_close(t_accept(&origin));
    expect_own(6, "GET /up/broken HTTP/1.1\r\nHost: h\r\n\r\n", 502,
               "{'pool': 'up', 'connection': 'fresh', 'reason': 'BAD_RESPONSE'}");

    /* Where no exchange could begin, too. */
    struct t_conn *held[2] = {t_connect(weir.port), t_connect(weir.port)};
    t_send(held[0], "G");
    t_send(held[1], "G");
    t_stats_await(&weir, "listeners/web/connections/active", 2);
    struct t_conn *refused = t_connect(weir.port);
    t_send(refused, "G");
    t_assert_number("status", t_read_response(refused, "GET")->status, 503);
    t_access_assert(line(7), "{'status': 503, 'method': '-', 'reason': 'TOO_MANY_CLIENTS'}");
    t_close(held[0]);
    t_close(held[1]);
    t_close(refused);
    t_weir_stop(&weir);
}

Test(access_log, a_wait_in_the_queue_that_runs_out)
{
    start("    connections: {max: 1}\n    queue: {timeout: 50ms}\n");
    struct t_conn *first = t_ask(&weir, "GET", "/0", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_await_answer(t_ask(&weir, "GET", "/1", NULL), "GET", 503);
    json_t *got = line(0);
    t_access_assert(got, "{'status': 503, 'reason': 'QUEUE_TIMEOUT', 'pool': 'legacy', 'server': "
                         "null, 'connection': null, 'connect_ms': 0.0}");
    cr_expect_geq(json_number_value(json_object_get(got, "queue_ms")), 49);
    t_serve(upstream, "/0");
    t_await_answer(first, "GET", 200);
    t_weir_end(&weir);
}

/* ---- Clients that leave ---- */

Test(access_log, a_client_that_leaves_inside_the_head)
{
    start(NULL);
    struct t_conn *client = t_connect(weir.port);
    t_send(client, "GET / HT");
    t_await_read_by_peer(client);
    t_close(client);
    t_access_assert(line(0), "{'method': '-', 'status': null, 'bytes_in': 8, 'bytes_out': 0, "
                             "'reason': 'CLIENT_GONE'}");
    t_weir_end(&weir);
}

Test(access_log, a_client_that_leaves_before_the_answer)
{
    start("    connections: {max: 1}\n");
    struct t_conn *first = t_ask(&weir, "GET", "/0", NULL);
    struct t_conn *upstream = t_accept(&origin);
    struct t_conn *second = t_ask(&weir, "GET", "/1", NULL);
    t_pool_await(&weir, "queue/waiting", 1);
    t_reset(second);
    t_access_assert(line(0), "{'target': '/1', 'status': null, 'bytes_out': 0, 'connection': null, "
                             "'connect_ms': 0.0, 'server': null, 'reason': 'CLIENT_GONE'}");
    t_serve(upstream, "/0");
    t_await_answer(first, "GET", 200);
    t_weir_end(&weir);
}

Test(access_log, a_client_that_leaves_inside_the_answer)
{
    start(NULL);
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_send(upstream, "HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nabc");
    const char *head = t_read_head(client);
    t_expect(client, "abc");
    t_reset(client);
    while (t_try_send(upstream, "d", 1))
        t_nap();
    json_t *got = line(0);
    t_access_assert(got, "{'status': 201, 'connection': 'fresh', 'reason': 'CLIENT_GONE'}");
    cr_expect_geq(json_integer_value(json_object_get(got, "bytes_out")),
                  (json_int_t)strlen(head) + 3);
    t_weir_end(&weir);
}

Test(access_log, what_weir_cuts_off_when_it_stops)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1,
                                                .port = origin.port,
                                                .top = LOG "shutdown_timeout: 100ms\n"});
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_weir_stop(&weir);
    t_expect_any_end(client);
    t_access_assert(t_access_line(t_access_text("access"), 0),
                    "{'status': null, 'reason': 'SHUTDOWN', 'connection': 'fresh'}");
}

/* ---- What clients may not do ---- */

#define WILD "\" 200 0 \\ \xff \xc3\xa9 \t{'"

Test(access_log, a_client_can_forge_no_line)
{
    start(NULL);
    struct t_conn *client = t_connect(weir.port);
    t_send(client, "GET /\"\\\xe9\xc3\xa9'} HTTP/1.1\r\nHost: h\r\nUser-Agent: " WILD "\r\n\r\n");
    int status = t_read_response(client, "GET")->status;
    json_t *got = line(0);
    cr_expect(status == 400, "%d", status);
    t_close(client);
    client = t_connect(weir.port);
    t_send(client, "GET /\n{\"time\": HTTP/1.1\r\nHost: h\r\n\r\n");
    t_read_response(client, "GET");
    json_t *other = line(1);
    t_access_assert(got, "{'status': 400}");
    t_access_assert(other, "{'status': 400}");
    t_assert_number("lines", t_access_count(t_access_text("access")), 2);
    t_weir_end(&weir);
}

/* With quotes and bytes that are no UTF-8 in them, too. */
Test(access_log, where_a_request_comes_from)
{
    start(NULL);
    struct t_conn *client = t_ask(&weir, "GET", "/",
                                  "referer: http://r/\"\r\nUser-Agent: curl/7 \xff\r\n");
    t_serve(t_accept(&origin), "/");
    t_await_answer(client, "GET", 200);
    t_access_assert(line(0), "{'referer': 'http://r/\\\"'}");
    t_assert_contains(json_string_value(json_object_get(line(0), "user_agent")), "curl/7 ");
    t_weir_end(&weir);
}

Test(access_log, combined)
{
    regex_t pattern;

    t_origin_open(&origin);
    t_weir_start_shape(
        &weir, &(struct t_shape){.workers = 1,
                                 .port = origin.port,
                                 .top = "access_log: {to: \"@dir@/access\", format: combined}\n"});
    struct t_conn *client = t_ask(&weir, "GET", "/a?b=c",
                                  "referer: http://r/\r\nUser-Agent: " WILD "\r\n");
    struct t_conn *upstream = t_accept(&origin);
    t_serve(upstream, "/a?b=c");
    t_await_answer(client, "GET", 200);
    client = t_connect(weir.port);
    t_send(client, "nonsense\r\n\r\n");
    t_read_response(client, "GET");
    t_access_await(&weir, 2);
    char *text = t_access_text("access");
    t_assert_number("lines", t_access_count(text), 2);
    cr_assert_eq(regcomp(&pattern,
                         "^127\\.0\\.0\\.1 - - \\[[0-3][0-9]/[A-Z][a-z][a-z]/20[0-9][0-9]"
                         "(:[0-9][0-9]){3} \\+0000\\] \"GET /a\\?b=c HTTP/1\\.1\" 200 6 "
                         "\"http://r/\" \"\\\\x22 200 0 \\\\x5c \\\\xff \\\\xc3\\\\xa9 "
                         "\\\\x09\\{'\"\n"
                         "127\\.0\\.0\\.1 - - \\[[^]]*\\] \"-\" 400 [1-9][0-9]* \"-\" \"-\"\n$",
                         REG_EXTENDED | REG_NOSUB),
                 0);
    cr_expect_eq(regexec(&pattern, text, 0, NULL, 0), 0, "%s", text);
    regfree(&pattern);
    t_weir_end(&weir);
}
