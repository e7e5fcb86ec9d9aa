/* An answer after which weir closes is never killed by a reset, whatever the client still sends. */
#include "support/t_ask.h"
#include "support/t_scene.h"

#include <string.h>
#include <sys/socket.h>

#define VIA "Via: 1.1 weir\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

enum { MORE = 2 << 20 };

/* The client sends on, reads only then, and finds one whole answer and an end in order. */
static void expect_answer(struct t_conn *client, int status)
{
    size_t len;
    t_send_pattern(client, MORE, 0);
    char *got = t_read_to_end(client, &len);
    if (t_whole_status(got, len) != status)
        t_fail("should be one whole answer of %d: \"%s\"", status, t_escape(got, len));
    t_assert_contains(got, "\r\nConnection: close\r\n");
    t_close(client);
}

Test(lingering_close, after_a_refusal)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "\x16\x03\x01\x02",
    };
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct t_conn *client = t_connect(scene.weir.port);
        t_send(client, requests[i]);
        expect_answer(client, 400);
    }
    t_weir_end(&scene.weir);
}

Test(lingering_close, after_a_limit)
{
    struct t_scene scene;
    t_scene_open(&scene, "    limits: {body_bytes: 10, header_bytes: 1KiB, headers: 3}\n", NULL);
    struct t_conn *client = t_connect(scene.weir.port);
    t_sendf(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", MORE);
    expect_answer(client, 413);
    client = t_connect(scene.weir.port);
    t_send(client, GET("/") "A: 1\r\nB: 2\r\nC: 3\r\n");
    expect_answer(client, 431);
    client = t_connect(scene.weir.port);
    t_send(client, "GET /");
    expect_answer(client, 400);
    t_weir_end(&scene.weir);
}

/* A request of which nothing is read: no route, no server. */
Test(lingering_close, after_an_answer_without_reading_the_body)
{
    struct t_weir weir;
    t_weir_start(&weir,
                 T_WEIR_HEAD "listeners:\n"
                             "  web:\n"
                             "    listen: [\"127.0.0.1:@port@\"]\n"
                             "    pool: null\n"
                             "    routes: [{path: /down, pool: down}]\n"
                             "pools:\n"
                             "  down: {servers: [{address: \"127.0.0.1:%d\"}]}\n",
                 t_free_port());
    struct t_conn *client = t_connect(weir.port);
    t_sendf(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", MORE);
    expect_answer(client, 404);
    client = t_connect(weir.port);
    t_sendf(client, "POST /down HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", MORE);
    expect_answer(client, 502);
    t_weir_end(&weir);
}

/* weir's choice: the client may be in the midst of its next request. */
Test(lingering_close, after_the_last_request_of_a_connection)
{
    struct t_scene scene;
    t_scene_open(&scene, "    limits: {requests_per_connection: 1}\n", NULL);
    t_scene_request(&scene, GET("/") "\r\n", GET("/") VIA "\r\n");
    t_send(scene.client, "POST /next HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n");
    t_send(scene.upstream, OK "Content-Length: 2\r\n\r\nok");
    expect_answer(scene.client, 200);
    scene.client = NULL;
    t_weir_end(&scene.weir);
}

/* The client's choice, and yet more of it is on its way: a second request, or the CR LF that old
 * clients send behind a body. */
Test(lingering_close, after_a_close_that_the_client_asked_for)
{
    static const char *const extras[] = {"\r\n", "GET /more HTTP/1.1\r\nHost: h\r\n\r\n"};
    static const char post[] = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                               "Content-Length: 5\r\n\r\nhello";
    static const char forwarded[] = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n" VIA
                                    "\r\nhello";
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < 4; i++) {
        char *request = i % 2 ? t_text("%s%s", post, extras[i / 2]) : t_text("%s", post);
        t_scene_request(&scene, request, forwarded);
        if (i % 2 == 0)
            t_send(scene.client, extras[i / 2]);
        t_scene_answer(&scene, OK "Content-Length: 2\r\n\r\nok",
                       OK "Content-Length: 2\r\n" VIA "Connection: close\r\n\r\nok");
        t_expect_end(scene.client);
        t_scene_drop_client(&scene);
    }
    t_scene_request(&scene, GET("/") "Connection: close\r\n\r\n" GET("/more") "\r\n",
                    GET("/") VIA "\r\n");
    t_send(scene.upstream, OK "Content-Length: 2\r\n\r\nok");
    expect_answer(scene.client, 200);
    scene.client = NULL;
    t_weir_end(&scene.weir);
}

/* Old clients' empty line is looked for behind each body, however many end in one turn of the loop.
 */
Test(lingering_close, after_many_bodies_of_old_clients_at_once)
{
    enum { CLIENTS = 8 };
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *clients[CLIENTS], *upstreams[CLIENTS];
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1, .port = origin.port});
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = t_connect(weir.port);
        t_send(clients[i], "POST / HTTP/1.0\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
        upstreams[i] = t_accept(&origin);
        t_assert_text(t_read_request(upstreams[i])->body, "hello");
    }
    t_weir_freeze(&weir);
    for (int i = 0; i < CLIENTS; i++) {
        t_send(clients[i], "\r\n");
        t_answer(upstreams[i], "ok");
    }
    t_weir_thaw(&weir);
    for (int i = 0; i < CLIENTS; i++)
        t_assert_text(t_await_answer(clients[i], "POST", 200)->body, "ok");
    t_weir_end(&weir);
}

/* The same where there is no body, and nothing should follow: as people do who press a key once
 * more while they wait. */
Test(lingering_close, after_more_than_a_bare_request)
{
    static const char *const extras[] = {"\r\n", "GET /more HTTP/1.1\r\nHost: h\r\n\r\n"};
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < 4; i++) {
        if (i % 2 == 0)
            t_scene_request(&scene, GET("/") "Connection: close\r\n\r\n", GET("/") VIA "\r\n");
        else
            t_scene_request(&scene, "GET / HTTP/1.0\r\nHost: h\r\n\r\n",
                            GET("/") "Via: 1.0 weir\r\n\r\n");
        t_send(scene.client, extras[i / 2]);
        t_scene_answer(&scene, OK "Content-Length: 2\r\n\r\nok",
                       OK "Content-Length: 2\r\n" VIA "Connection: close\r\n\r\nok");
        t_expect_end(scene.client);
        t_scene_drop_client(&scene);
    }
    t_weir_end(&scene.weir);
}

/* The last of an answer and the FIN are one segment: whoever has read the one has the other. */
Test(lingering_close, comes_along_with_the_end_of_the_answer)
{
    static const char *const requests[] = {GET("/") "Connection: close\r\n\r\n",
                                           "GET / HTTP/1.0\r\nHost: h\r\n\r\n"};
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < 200; i++) {
        t_scene_request(&scene, requests[i % 2],
                        i % 2 ? GET("/") "Via: 1.0 weir\r\n\r\n" : GET("/") VIA "\r\n");
        t_scene_answer(&scene, OK "Content-Length: 2\r\n\r\nok",
                       OK "Content-Length: 2\r\n" VIA "Connection: close\r\n\r\nok");
        char byte;
        ssize_t n = scene.client->at_end ? 0 : recv(scene.client->fd, &byte, 1, MSG_DONTWAIT);
        cr_assert_eq(n, 0, "request %d: no end behind the answer", i);
        t_scene_drop_client(&scene);
    }
    t_weir_end(&scene.weir);
}

/* An HTTP/1.0 client's answer ends with its connection: there a reset would look like a cut. */
Test(lingering_close, of_a_body_that_lasts_until_the_close)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(
        &scene, "POST / HTTP/1.0\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nVia: 1.0 weir\r\n\r\nhello");
    t_send(scene.client, "\r\n");
    t_scene_answer(&scene, OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                   OK VIA "Connection: close\r\n\r\nok");
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_weir_end(&scene.weir);
}

Test(lingering_close, with_a_grace)
{
    struct t_scene scene;
    t_scene_open(&scene, "    close_grace: 5s\n", NULL);
    t_scene_request(&scene, GET("/") "Connection: close\r\n\r\n", GET("/") VIA "\r\n");
    t_scene_answer(&scene, OK "Content-Length: 2\r\n\r\nok",
                   OK "Content-Length: 2\r\n" VIA "Connection: close\r\n\r\nok");
    t_send_pattern(scene.client, MORE, 0);
    t_await_read_by_peer(scene.client);
    t_half_close(scene.client);
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_weir_end(&scene.weir);
}

/* Where the end of the connection is the end of the answer, nobody waits for a client's close. */
Test(lingering_close, without_a_grace_where_the_close_is_the_end)
{
    struct t_scene scene;
    t_scene_open(&scene, "    close_grace: 300s\n", NULL);
    t_scene_request(&scene, "GET / HTTP/1.0\r\nHost: h\r\n\r\n", GET("/") "Via: 1.0 weir\r\n\r\n");
    t_scene_answer(&scene, OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                   OK VIA "Connection: close\r\n\r\nok");
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_weir_end(&scene.weir);
}

/* The grace is for every answer with a close, and its end is no reset either. */
Test(lingering_close, after_a_grace)
{
    struct t_scene scene;
    t_scene_open(&scene, "    close_grace: 50ms\n    limits: {requests_per_connection: 1}\n", NULL);
    t_scene_request(&scene, GET("/") "\r\n", GET("/") VIA "\r\n");
    t_send(scene.upstream, OK "Content-Length: 2\r\n\r\nok");
    t_expect(scene.client, OK "Content-Length: 2\r\n" VIA "Connection: close\r\n\r\nok");
    t_expect_end(scene.client);
    t_send_pattern(scene.client, MORE, 0);
    t_await_read_by_peer(scene.client);
    t_scene_drop_client(&scene);
    t_weir_end(&scene.weir);
}
