/* Each answer of weir's own says what was wrong, and closes only where it can't go on. */
#include "support/t_scene.h"

#include <string.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n"
#define POST(target) "POST " target " HTTP/1.1\r\nHost: h\r\n"
#define SHORT "Content-Length: 2\r\n\r\nx" /* and the rest never comes */

/* Pools for every way to fail. `busy` and `full` take one request at a time; in the one those who
 * wait do so in vain, in the other one may wait for as long as it likes. */
static const char yaml[] =
    "workers: 1\n"
    "shutdown_timeout: 5s\n"
    "log: {to: stderr, level: debug}\n"
    "admin: {listen: \"127.0.0.1:@admin@\"}\n"
    "listeners:\n"
    "  web:\n"
    "    listen: [\"127.0.0.1:@port@\"]\n"
    "    pool: null\n"
    "    limits: {header_bytes: 1KiB, headers: 5, body_bytes: 10}\n"
    "    timeouts: {header: 300ms, body: 300ms}\n"
    "    routes:\n"
    "      - {path: /up, pool: up}\n"
    "      - {path: /late, pool: late}\n"
    "      - {path: /busy, pool: busy}\n"
    "      - {path: /full, pool: full}\n"
    "      - {path: /refused, pool: refused}\n"
    "pools:\n"
    "  up: {servers: [{address: \"127.0.0.1:%d\"}]}\n"
    "  late: {servers: [{address: \"127.0.0.1:%d\"}], timeouts: {response: 300ms}}\n"
    "  busy:\n"
    "    servers: [{address: \"127.0.0.1:%d\"}]\n"
    "    connections: {max: 1}\n"
    "    queue: {timeout: 300ms}\n"
    "  full:\n"
    "    servers: [{address: \"127.0.0.1:%d\"}]\n"
    "    connections: {max: 1}\n"
    "    queue: {max: 1, timeout: 1h}\n"
    "  refused: {servers: [{address: \"127.0.0.1:%d\"}], outlier: {failures: 0}}\n";

struct scene {
    struct t_origin up, busy;
    struct t_weir weir;
};

static void start(struct scene *scene)
{
    t_origin_open(&scene->up);
    t_origin_open(&scene->busy);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    t_weir_start(&scene->weir, yaml, scene->up.port, scene->up.port, scene->busy.port,
                 scene->busy.port, t_free_port());
#pragma GCC diagnostic pop
}

/* Reads the answer and holds it against the promise. */
static void expect(struct t_conn *client, const char *method, int status, const char *says,
                   const char *connection)
{
    struct t_message *answer = t_read_response(client, method);
    bool is_head = strcmp(method, "HEAD") == 0;

    t_assert_number("status", answer->status, status);
    t_assert_text(t_field(answer, "Content-Type"), "text/plain; charset=utf-8");
    cr_assert_not_null(t_field(answer, "Date"));
    if (connection)
        t_assert_text(t_field(answer, "Connection"), connection);
    else
        cr_assert_null(t_field(answer, "Connection"));
    cr_assert_eq(t_field(answer, "Retry-After") != NULL, status == 503);
    if (is_head) {
        cr_assert_str_neq(t_field(answer, "Content-Length"), "0");
        return;
    }
    t_assert_contains(answer->body, t_text("%d ", status));
    t_assert_contains(answer->body, says);
    cr_assert_lt(answer->body_len, 200);
    if (connection && strcmp(connection, "close") == 0)
        t_expect_end(client);
}

struct row {
    const char *request;
    int status;
    const char *says;
};

static const struct row closing[] = {
    {"GET /\r\n", 400, "request line"},
    {"GET x HTTP/1.1\r\n\r\n", 400, "target"},
    {"GET / HTTP/1.1\r\nA : b\r\n\r\n", 400, "field"},
    {"GET / HTTP/1.1\r\n\r\n", 400, "Host"},
    {POST("/up") "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "two ways"},
    {POST("/up") "Transfer-Encoding: chunked\r\n\r\nx", 400, "chunked"},
    {GET("/") "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n\r\n", 431, "too many header fields"},
    {POST("/up") "Content-Length: 11\r\n\r\n", 413, "body is too large"},
    {POST("/up") "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n", 413, "too large"},
    {POST("/up") "Transfer-Encoding: gzip\r\n\r\n", 501, "transfer coding"},
    {"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", 501, "CONNECT"},
    {POST("/nowhere") SHORT, 404, "no pool"},
    {POST("/refused") SHORT, 502, "could not be made"},
    {"GET", 408, "head did not arrive in time"},
    {GET("/up") "A: ", 408, "head did not arrive in time"},
    {"", 408, "head did not arrive in time"},
    {POST("/up") SHORT, 408, "body did not arrive in time"},
    {POST("/up") "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", 408, "body did not arrive"},
};

Test(own_answers, that_close)
{
    struct scene scene;
    start(&scene);
    for (size_t i = 0; i < sizeof(closing) / sizeof(closing[0]); i++) {
        struct t_conn *client = t_connect(scene.weir.port);
        t_send(client, closing[i].request);
        expect(client, "GET", closing[i].status, closing[i].says, "close");
        t_close(client);
    }
    struct t_conn *client = t_connect(scene.weir.port);
    t_sendf(client, "GET /%02000d", 0);
    expect(client, "GET", 414, "target is too long", "close");
    client = t_connect(scene.weir.port);
    t_sendf(client, GET("/") "A: %02000d", 0);
    expect(client, "GET", 431, "head is too large", "close");
    t_weir_end(&scene.weir);
}

/* All of the request was read: the connection goes on, by the rules of its version. */
static void check_keeping(struct scene *scene, struct t_conn *client, const char *method, int minor)
{
    static const char *const bads[] = {"HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200"};
    const char *format = "%s %s HTTP/1.%d\r\nHost: h\r\nConnection: keep-alive\r\n\r\n";
    const char *connection = minor ? NULL : "keep-alive";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    t_sendf(client, format, method, "/nowhere", minor);
    expect(client, method, 404, "no pool", connection);
    t_sendf(client, format, method, "/refused", minor);
    expect(client, method, 502, "connection to the server could not be made", connection);
    for (int i = 0; i < 2; i++) {
        t_sendf(client, format, method, "/up", minor);
        struct t_conn *upstream = t_accept(&scene->up);
        (void)t_read_request(upstream);
        t_send(upstream, bads[i]);
        t_close(upstream);
        expect(client, method, 502, i ? "cut short" : "not valid HTTP", connection);
    }
    t_sendf(client, format, method, "/late", minor);
    struct t_conn *upstream = t_accept(&scene->up);
    (void)t_read_request(upstream);
    expect(client, method, 504, "did not answer in time", connection);
    t_close(upstream);
#pragma GCC diagnostic pop
}

Test(own_answers, that_keep_the_connection)
{
    struct scene scene;
    start(&scene);
    struct t_conn *client = t_connect(scene.weir.port);
    check_keeping(&scene, client, "GET", 1);
    check_keeping(&scene, client, "HEAD", 1);
    check_keeping(&scene, client, "GET", 0);
    check_keeping(&scene, client, "HEAD", 0);
    t_send(client, POST("/nowhere") "Content-Length: 0\r\nConnection: close\r\n\r\n");
    expect(client, "POST", 404, "no pool", "close");
    t_weir_end(&scene.weir);
}

/* A body that was read does not stand in the way either. */
Test(own_answers, behind_a_body)
{
    struct scene scene;
    start(&scene);
    struct t_conn *client = t_connect(scene.weir.port);
    for (int i = 0; i < 3; i++) {
        static const char *const requests[] = {
            POST("/up") "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            POST("/up") "Content-Length: 2\r\n\r\nhi", POST("/late") "Content-Length: 2\r\n\r\nhi"};
        t_send(client, requests[i]);
        struct t_conn *upstream = t_accept(&scene.up);
        t_assert_text(t_read_request(upstream)->body, "hi");
        if (i < 2) {
            t_close(upstream);
            expect(client, "POST", 502, "without an answer", NULL);
        } else {
            expect(client, "POST", 504, "did not answer in time", NULL);
        }
    }
    t_weir_end(&scene.weir);
}

/* The queue's answer to who waits in vain, or finds it full; behind it the connection goes on. */
static void check_queue(struct scene *scene, const char *method, bool is_full)
{
    const char *pool = is_full ? "full" : "busy";
    struct t_conn *first = t_connect(scene->weir.port), *second = t_connect(scene->weir.port);
    struct t_conn *waiting = is_full ? t_connect(scene->weir.port) : NULL;
    t_sendf(first, GET("/%s") "\r\n", pool);
    struct t_conn *upstream = t_accept(&scene->busy);
    (void)t_read_request(upstream);
    if (is_full) {
        t_sendf(waiting, GET("/%s") "\r\n", pool);
        t_stats_await(&scene->weir, "pools/full/queue/waiting", 1);
    }
    t_sendf(second, "%s /%s HTTP/1.1\r\nHost: h\r\n\r\n", method, pool);
    expect(second, method, 503, is_full ? "queue" : "wait for a server connection ran out", NULL);
    t_send(upstream, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    t_assert_number("status", t_read_response(first, "GET")->status, 204);
    t_expect_any_end(upstream);
    if (is_full) {
        upstream = t_accept(&scene->busy);
        (void)t_read_request(upstream);
        t_send(upstream, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        t_assert_number("status", t_read_response(waiting, "GET")->status, 204);
        t_expect_any_end(upstream);
    }
    struct t_conn *all[] = {first, second};
    for (int i = 0; i < 2; i++) {
        t_sendf(all[i], "%s /nowhere HTTP/1.1\r\nHost: h\r\n\r\n", method);
        expect(all[i], method, 404, "no pool", NULL);
    }
}

Test(own_answers, of_the_queue)
{
    struct scene scene;
    start(&scene);
    for (int is_full = 0; is_full < 2; is_full++) {
        check_queue(&scene, "GET", is_full);
        check_queue(&scene, "HEAD", is_full);
    }
    t_stats_assert(&scene.weir, "pools/full/queue/rejected", 2);
    t_stats_assert(&scene.weir, "pools/busy/queue/timed_out", 2);
    t_stats_assert(&scene.weir, "listeners/web/requests/5xx", 4);
    t_stats_assert(&scene.weir, "listeners/web/requests/4xx", 8);
    t_weir_end(&scene.weir);
}

Test(own_answers, of_a_listener_that_is_full)
{
    struct t_scene scene;
    t_scene_open(&scene, "    limits: {connections: 1}\n", NULL);
    t_scene_works(&scene);
    struct t_conn *second = t_connect(scene.weir.port);
    t_send(second, GET("/") "\r\n");
    expect(second, "GET", 503, "too many client connections", "close");
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}
