/* A client that has shut its sending side gets all that it has asked for. */
#include "support/t_ask.h"
#include "support/t_scene.h"

#include <string.h>

#define VIA "Via: 1.1 weir\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

static void ask_and_shut(struct t_scene *scene, const char *request, const char *forwarded)
{
    scene->client = t_connect(scene->weir.port);
    t_send(scene->client, request);
    t_half_close(scene->client);
    if (!scene->upstream)
        scene->upstream = t_accept(&scene->origin);
    t_expect(scene->upstream, forwarded);
}

Test(half_closing_client, gets_its_answer)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    ask_and_shut(&scene, GET("/a") "\r\n", GET("/a") VIA "\r\n");
    t_scene_answer(&scene, OK "Content-Length: 2\r\n\r\nok",
                   OK "Content-Length: 2\r\n" VIA "\r\nok");
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);

    ask_and_shut(&scene, GET("/b") "Content-Length: 5\r\n\r\nhello",
                 GET("/b") "Content-Length: 5\r\n" VIA "\r\nhello");
    t_scene_answer(&scene, OK "Transfer-Encoding: chunked\r\n\r\n",
                   OK "Transfer-Encoding: chunked\r\n" VIA "\r\n");
    for (int i = 0; i < 10; i++)
        t_scene_answer(&scene, "1\r\na\r\n", "1\r\na\r\n");
    t_scene_answer(&scene, "0\r\n\r\n", "0\r\n\r\n");
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);

    ask_and_shut(&scene, "GET /c HTTP/1.0\r\nHost: h\r\n\r\n", GET("/c") "Via: 1.0 weir\r\n\r\n");
    t_scene_answer(&scene, OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                   OK VIA "Connection: close\r\n\r\nok");
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_scene_works(&scene);
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);
    t_weir_end(&scene.weir);
}

/* The request came in two steps, so that weir waits for the client while it waits for the server.
 */
Test(half_closing_client, gets_its_answer_after_a_pause)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    scene.client = t_connect(scene.weir.port);
    t_send_in_pieces(scene.client, GET("/a"), strlen(GET("/a")), 10);
    t_scene_request(&scene, "\r\n", GET("/a") VIA "\r\n");
    t_half_close(scene.client);
    t_scene_answer(&scene, "HTTP/1.1 103 Hint\r\n\r\n", "HTTP/1.1 103 Hint\r\n" VIA "\r\n");
    t_scene_answer(&scene, OK "Content-Length: 2\r\n\r\no", OK "Content-Length: 2\r\n" VIA "\r\no");
    t_scene_answer(&scene, "k", "k");
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(half_closing_client, gets_all_of_a_pipeline)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    ask_and_shut(&scene, GET("/1") "\r\n" GET("/2") "\r\n" GET("/3") "\r\n", GET("/1") VIA "\r\n");
    for (int i = 1; i <= 3; i++) {
        t_scene_answer(&scene, OK "Content-Length: 2\r\n\r\nok",
                       OK "Content-Length: 2\r\n" VIA "\r\nok");
        if (i < 3)
            t_expectf(scene.upstream, "GET /%d HTTP/1.1\r\nHost: h\r\n" VIA "\r\n", i + 1);
    }
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(half_closing_client, gets_a_large_answer)
{
    enum { LARGE = 8 << 20 };
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    ask_and_shut(&scene, GET("/") "\r\n", GET("/") VIA "\r\n");
    t_sendf(scene.upstream, OK "Content-Length: %d\r\n\r\n", LARGE);
    uint64_t sent = t_send_pattern_until_stuck(&scene.weir, scene.upstream, LARGE);
    t_expectf(scene.client, OK "Content-Length: %d\r\n" VIA "\r\n", LARGE);
    t_expect_pattern(scene.client, sent, 0);
    t_send_pattern(scene.upstream, LARGE - sent, sent);
    t_expect_pattern(scene.client, LARGE - sent, sent);
    t_expect_end(scene.client);
    t_weir_end(&scene.weir);
}

/* In the queue, too. */
Test(half_closing_client, keeps_its_place_in_the_queue)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, "    connections: {max: 1}\n");
    t_scene_request(&scene, GET("/first") "\r\n", GET("/first") VIA "\r\n");
    struct t_conn *waiting = t_connect(scene.weir.port);
    t_send(waiting, GET("/second") "\r\n");
    t_half_close(waiting);
    t_stats_await(&scene.weir, "pools/legacy/queue/waiting", 1);
    t_scene_answer(&scene, OK "Content-Length: 0\r\n\r\n", OK "Content-Length: 0\r\n" VIA "\r\n");
    t_expect(scene.upstream, GET("/second") VIA "\r\n");
    t_send(scene.upstream, OK "Content-Length: 0\r\n\r\n");
    t_expect(waiting, OK "Content-Length: 0\r\n" VIA "\r\n");
    t_expect_end(waiting);
    t_weir_end(&scene.weir);
}

/* weir's own answers, too. */
Test(half_closing_client, gets_what_weir_answers_itself)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_origin_close(&scene.origin);
    struct t_conn *client = t_connect(scene.weir.port);
    t_send(client, GET("/") "\r\n");
    t_half_close(client);
    t_assert_number("status", t_read_response(client, "GET")->status, 502);
    t_expect_end(client);
    client = t_connect(scene.weir.port);
    t_send(client, "bad\r\n");
    t_half_close(client);
    t_assert_number("status", t_read_response(client, "GET")->status, 400);
    t_expect_end(client);
    t_weir_end(&scene.weir);
}

/* What is no whole head asks for nothing: the connection just ends. */
Test(half_closing_client, that_has_not_asked)
{
    static const char *const starts[] = {"", "\r\n", "G", "GET / HTTP/1.1\r\nHost: h\r\n"};
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < 2 * sizeof(starts) / sizeof(starts[0]); i++) {
        struct t_conn *client = t_connect(scene.weir.port);
        t_send(client, starts[i / 2]);
        if (i % 2)
            t_await_read_by_peer(client);
        t_half_close(client);
        t_expect_end(client);
    }
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 0);
    t_weir_end(&scene.weir);
}

/* It may have stopped in the midst of its body because the answer says no: that comes through. The
 * server learns that the body is cut. */
Test(half_closing_client, gets_an_answer_that_has_begun)
{
    static const char *const bodies[][2] = {{"Content-Length: 8000000\r\n", "hello"},
                                            {"Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n"}};
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        t_scene_request(&scene, t_text(GET("/") "%s\r\n%s", bodies[i][0], bodies[i][1]),
                        t_text(GET("/") "%s" VIA "\r\n%s", bodies[i][0], bodies[i][1]));
        t_scene_answer(&scene, "HTTP/1.1 413 No\r\nContent-Length: 10\r\n\r\nhello",
                       "HTTP/1.1 413 No\r\nContent-Length: 10\r\n" VIA
                       "Connection: close\r\n\r\nhello");
        t_half_close(scene.client);
        t_expect_end(scene.upstream);
        t_scene_answer(&scene, "again", "again");
        t_expect_end(scene.client);
        t_scene_drop_client(&scene);
        t_scene_drop_upstream(&scene);
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}
