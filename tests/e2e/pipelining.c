/* Pipelined requests are answered in their order, each with its own answer and nothing else. */
#include "support/t_scene.h"

#include <stdio.h>
#include <string.h>

#define VIA "Via: 1.1 weir\r\n"
#define OK "HTTP/1.1 200 OK\r\n"
#define TAIL " HTTP/1.1\r\nHost: h\r\n"

enum { MANY = 100 };

/* Answers with the target and the body that came, framed in turn with a length and in chunks. */
static void echo(struct t_served_request *request, void *user)
{
    const struct t_message *message = request->message;
    size_t len = strlen(message->target) + message->body_len;
    char *answer = user;

    if (request->number % 2)
        request->answer_len = (size_t)sprintf(answer, OK "Content-Length: %zu\r\n\r\n%s%s", len,
                                              message->target, message->body);
    else
        request->answer_len = (size_t)sprintf(
            answer, OK "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s%s\r\n0\r\n\r\n", len,
            message->target, message->body);
    request->answer = answer;
}

static char *make_request(int number)
{
    if (number % 3 == 0)
        return t_text("GET /%d" TAIL "\r\n", number);
    if (number % 3 == 1)
        return t_text("POST /%d" TAIL "Content-Length: 5\r\n\r\n-body", number);
    return t_text("POST /%d" TAIL
                  "Transfer-Encoding: chunked\r\n\r\n2\r\n-b\r\n3\r\nody\r\n0\r\n\r\n",
                  number);
}

static void expect_echo(struct t_conn *client, int number)
{
    struct t_message *answer = t_read_response(client, "GET");
    t_assert_number("status", answer->status, 200);
    t_assert_text(answer->body, t_text("/%d%s", number, number % 3 ? "-body" : ""));
}

static void open_served(struct t_scene *scene)
{
    t_scene_open(scene, NULL, NULL);
    t_origin_serve(&scene->origin, echo, t_alloc(1 << 16));
}

static void end_served(struct t_scene *scene)
{
    t_weir_end(&scene->weir);
    struct t_served_counts counts = t_origin_serve_stop(&scene->origin);
    t_assert_number("connections", (int64_t)counts.connections, 1);
    t_assert_number("broken requests", (int64_t)counts.broken, 0);
}

Test(pipelining, of_a_hundred)
{
    struct t_scene scene;
    open_served(&scene);
    char *all = t_text("%s", "");
    for (int i = 0; i < MANY; i++)
        all = t_text("%s%s", all, make_request(i));
    for (size_t piece = 1; piece < 100000; piece *= 7) {
        struct t_conn *client = t_connect(scene.weir.port);
        t_send_in_pieces(client, all, strlen(all), piece < 7 ? 13 : piece);
        for (int i = 0; i < MANY; i++)
            expect_echo(client, i);
        t_half_close(client);
        t_expect_end(client);
    }
    end_served(&scene);
}

/* Three requests, split in two at every byte. */
Test(pipelining, split_anywhere)
{
    struct t_scene scene;
    open_served(&scene);
    char *all = t_text("%s%s%s", make_request(0), make_request(1), make_request(2));
    size_t len = strlen(all);
    struct t_conn *client = t_connect(scene.weir.port);
    for (size_t at = 1; at < len; at++) {
        t_send_bytes(client, all, at);
        t_await_read_by_peer(client);
        t_send_bytes(client, all + at, len - at);
        for (int i = 0; i < 3; i++)
            expect_echo(client, i);
    }
    end_served(&scene);
}

/* Only one is with the server at a time: the next goes out when the answer is in. */
Test(pipelining, one_at_a_time)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    scene.client = t_connect(scene.weir.port);
    t_send(scene.client, "GET /1" TAIL "\r\nGET /2" TAIL "\r\nGET /3" TAIL "\r\n");
    scene.upstream = t_accept(&scene.origin);
    for (int i = 1; i <= 3; i++) {
        t_expectf(scene.upstream, "GET /%d" TAIL VIA "\r\n", i);
        t_scene_answer(&scene, "HTTP/1.1 103 Hint\r\n\r\n", "HTTP/1.1 103 Hint\r\n" VIA "\r\n");
        t_scene_answer(&scene, OK "Content-Length: 2\r\n\r\no",
                       OK "Content-Length: 2\r\n" VIA "\r\no");
        cr_assert_not(t_conn_poll(scene.upstream));
        t_scene_answer(&scene, "k", "k");
    }
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);
    t_weir_end(&scene.weir);
}

/* Requests that come while an answer is under way. */
Test(pipelining, beside_an_answer)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, "GET /0" TAIL "\r\n", "GET /0" TAIL VIA "\r\n");
    for (int i = 1; i <= 20; i++) {
        t_scene_answer(&scene, OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
                       OK "Transfer-Encoding: chunked\r\n" VIA "\r\n1\r\na\r\n");
        t_sendf(scene.client, "GET /%d" TAIL, i);
        t_scene_answer(&scene, "1\r\nb\r\n", "1\r\nb\r\n");
        if (i % 2)
            t_send(scene.client, "\r\n");
        t_scene_answer(&scene, "0\r\n\r\n", "0\r\n\r\n");
        if (i % 2 == 0)
            t_send(scene.client, "\r\n");
        t_expectf(scene.upstream, "GET /%d" TAIL VIA "\r\n", i);
    }
    t_scene_answer(&scene, OK "Content-Length: 0\r\n\r\n", OK "Content-Length: 0\r\n" VIA "\r\n");
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* An empty line between two requests is passed over, as old clients send it behind a body. */
Test(pipelining, with_an_empty_line_between)
{
    struct t_scene scene;
    open_served(&scene);
    struct t_conn *client = t_connect(scene.weir.port);
    for (int i = 0; i < 10; i++)
        t_sendf(client, "\r\n%s", make_request(i));
    for (int i = 0; i < 10; i++)
        expect_echo(client, i);
    t_send_in_pieces(client, "\r\n", 2, 1);
    t_send(client, make_request(10));
    expect_echo(client, 10);
    end_served(&scene);
}

#define ROUTED                                                                                     \
    T_WEIR_HEAD "listeners:\n"                                                                     \
                "  web:\n"                                                                         \
                "    listen: [\"127.0.0.1:@port@\"]\n"                                             \
                "    pool: null\n"                                                                 \
                "    routes: [{path: /up/, pool: up}, {path: /down/, pool: down}]\n"               \
                "pools:\n"                                                                         \
                "  up: {servers: [{address: \"127.0.0.1:%d\"}]}\n"                                 \
                "  down: {servers: [{address: \"127.0.0.1:%d\"}], outlier: {failures: 0}}\n"

/* weir's own answers take their turn among the servers'. */
Test(pipelining, mixed_with_weirs_own_answers)
{
    static const char *const targets[] = {"/up/",      "/nowhere/", "/down/", "/up/", "/nowhere/",
                                          "/nowhere/", "/down/",    "/down/", "/up/"};
    static const int statuses[] = {200, 404, 502, 200, 404, 404, 502, 502, 200};
    enum { COUNT = 9 };
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_origin_serve(&origin, echo, t_alloc(1 << 16));
    t_weir_start(&weir, ROUTED, origin.port, t_free_port());
    struct t_conn *client = t_connect(weir.port);
    char *all = t_text("%s", "");
    for (int i = 0; i < 10 * COUNT; i++)
        all = t_text("%sGET %s%d" TAIL "\r\n", all, targets[i % COUNT], i);
    t_sendf(client, "%sbad\r\n\r\nGET /up/never" TAIL "\r\n", all);
    for (int i = 0; i < 10 * COUNT; i++) {
        struct t_message *answer = t_read_response(client, "GET");
        t_assert_number("status", answer->status, statuses[i % COUNT]);
        if (answer->status == 200)
            t_assert_text(answer->body, t_text("/up/%d", i));
        cr_assert_null(t_field(answer, "Connection"));
    }
    t_assert_number("status", t_read_response(client, "GET")->status, 400);
    t_expect_end(client);
    t_close(client);
    t_weir_end(&weir);
    struct t_served_counts counts = t_origin_serve_stop(&origin);
    t_assert_number("requests", (int64_t)counts.requests, 30);
}

/* Thousands answered by weir itself, without a pause for anybody. */
Test(pipelining, of_very_many_refusals)
{
    enum { VERY_MANY = 20000 };
    static const char request[] = "GET /nowhere" TAIL "\r\n";
    struct t_weir weir;
    char *all = t_alloc(VERY_MANY * sizeof(request) + 1), *at = all;
    t_weir_start(&weir, ROUTED, t_free_port(), t_free_port());
    struct t_conn *client = t_connect(weir.port);
    for (int i = 0; i < 100; i++)
        at = stpcpy(at, request);
    for (int i = 0; i < VERY_MANY / 100; i++) {
        t_send(client, all);
        for (int k = 0; k < 100; k++)
            t_assert_number("status", t_read_response(client, "GET")->status, 404);
    }
    t_close(client);
    t_weir_end(&weir);
}

/* Nothing behind a request that asked for the close is answered or sent on. */
Test(pipelining, ends_with_a_close)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, "GET /1" TAIL "Connection: close\r\n\r\nGET /2" TAIL "\r\n",
                    "GET /1" TAIL VIA "\r\n");
    t_scene_answer(&scene, OK "Content-Length: 0\r\n\r\n",
                   OK "Content-Length: 0\r\n" VIA "Connection: close\r\n\r\n");
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_scene_works(&scene);
    t_stats_assert(&scene.weir, "listeners/web/requests/total", 2);
    t_weir_end(&scene.weir);
}

/* A client that goes away leaves the rest of its pipeline unsent. */
Test(pipelining, ends_with_its_client)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, "GET /1" TAIL "\r\nGET /2" TAIL "\r\n", "GET /1" TAIL VIA "\r\n");
    t_reset(scene.client);
    scene.client = NULL;
    t_send(scene.upstream, OK "Content-Length: 0\r\n\r\n");
    t_stats_await(&scene.weir, "listeners/web/requests/active", 0);
    /* The answer was whole, so the connection is kept; what comes on it next is another client's.
     */
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}
