/* Interim answers (1xx) pass to clients that know them, in order, before the answer itself. */
#include "support/t_ask.h"
#include "support/t_scene.h"

#include <string.h>

#define VIA "Via: 1.1 weir\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define OK_RECEIVED "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" VIA "\r\nok"
#define CONTINUE "HTTP/1.1 100 Continue\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
#define POST_FORWARDED POST "Content-Length: 5\r\n" VIA "\r\n"

/* The client that sends its body when it is told to. */
Test(interim_answers, continue_is_passed_both_ways)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        t_scene_request(&scene, POST "Content-Length: 5\r\n\r\n", POST_FORWARDED);
        t_scene_answer(&scene, CONTINUE "\r\n", CONTINUE VIA "\r\n");
        t_scene_request(&scene, "hello", "hello");
        t_scene_answer(&scene, OK, OK_RECEIVED);
    }
    t_scene_request(&scene, POST "Transfer-Encoding: chunked\r\n\r\n",
                    POST "Transfer-Encoding: chunked\r\n" VIA "\r\n");
    t_scene_answer(&scene, CONTINUE "\r\n", CONTINUE VIA "\r\n");
    t_scene_request(&scene, "5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n");
    t_scene_answer(&scene, OK, OK_RECEIVED);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* The client that does not wait, and the server that says so too late or never. */
Test(interim_answers, continue_is_not_waited_for)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, POST "Content-Length: 5\r\n\r\nhello", POST_FORWARDED "hello");
    t_scene_answer(&scene, CONTINUE "\r\n" OK, CONTINUE VIA "\r\n" OK_RECEIVED);
    t_scene_request(&scene, POST "Content-Length: 5\r\n\r\nhello", POST_FORWARDED "hello");
    t_scene_answer(&scene, OK, OK_RECEIVED);
    t_scene_request(&scene, POST "Content-Length: 5\r\n\r\n", POST_FORWARDED);
    t_scene_request(&scene, "hello", "hello");
    t_scene_answer(&scene, OK, OK_RECEIVED);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* The server that says no: the client never sends, and neither connection can go on. */
Test(interim_answers, continue_is_refused)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, POST "Content-Length: 5\r\n\r\n", POST_FORWARDED);
    t_scene_answer(&scene, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno",
                   "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n" VIA
                   "Connection: close\r\n\r\nno");
    t_expect_end(scene.client);
    t_expect_any_end(scene.upstream);
    t_scene_drop_client(&scene);
    t_scene_drop_upstream(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(interim_answers, with_fields)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: h\r\n" VIA "\r\n");
    t_scene_answer(
        &scene, "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>\r\n" VIA "\r\n");
    t_scene_answer(&scene,
                   "HTTP/1.1 102 Processing\r\nConnection: close, X-A\r\nX-A: b\r\n"
                   "Content-Length: 5\r\nKeep-Alive: timeout=1\r\n\r\n",
                   "HTTP/1.1 102 Processing\r\n" VIA "\r\n");
    t_scene_answer(&scene, "HTTP/1.0 199\r\n\r\n", "HTTP/1.1 199 \r\nVia: 1.0 weir\r\n\r\n");
    t_scene_answer(&scene, OK, OK_RECEIVED);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(interim_answers, very_many)
{
    enum { MANY = 500 };
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int drips = 0; drips < 2; drips++) {
        char *sent = t_text("%s", ""), *received = sent;
        t_scene_request(&scene, "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                        "GET / HTTP/1.1\r\nHost: h\r\n" VIA "\r\n");
        for (int i = 0; i < MANY; i++) {
            sent = t_text("%sHTTP/1.1 103 Hint\r\nX-Number: %d\r\n\r\n", sent, i);
            received = t_text("%sHTTP/1.1 103 Hint\r\nX-Number: %d\r\n" VIA "\r\n", received, i);
        }
        t_send_in_pieces(scene.upstream, sent, strlen(sent), drips ? 7 : strlen(sent));
        t_send(scene.upstream, OK);
        t_expectf(scene.client, "%s" OK_RECEIVED, received);
    }
    t_stats_assert(&scene.weir, "listeners/web/requests/1xx", 2 * MANY);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* HTTP/1.0 knows none of them. */
Test(interim_answers, not_to_http10_clients)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int drips = 0; drips < 2; drips++) {
        static const char answer[] = CONTINUE "\r\nHTTP/1.1 103 Hint\r\nLink: a\r\n\r\n" CONTINUE
                                              "\r\nHTTP/1.1 102 Processing\r\n\r\n" OK;
        t_scene_request(&scene,
                        "POST / HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\n"
                        "Connection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
                        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nVia: 1.0 weir\r\n\r\n"
                        "hello");
        t_send_in_pieces(scene.upstream, answer, strlen(answer), drips ? 1 : strlen(answer));
        t_expect(scene.client,
                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" VIA "Connection: keep-alive\r\n\r\nok");
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* A server that switches protocols unasked is talking to somebody else. */
Test(interim_answers, a_switch_that_nobody_asked_for)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene,
                    "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                    "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: h\r\n" VIA "\r\n");
    t_send(scene.upstream, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                           "Upgrade: h2c\r\n\r\n\0\0\0\4");
    t_assert_number("status", t_read_response(scene.client, "GET")->status, 502);
    t_expect_any_end(scene.upstream);
    t_scene_drop_upstream(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* An interim answer is an answer's beginning: nothing is sent again after it. */
Test(interim_answers, end_the_right_to_try_again)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, "    timeouts: {response: 200ms}\n");
    t_scene_request(&scene, "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: h\r\n" VIA "\r\n");
    t_scene_answer(&scene, CONTINUE "\r\n", CONTINUE VIA "\r\n");
    t_assert_number("status", t_read_response(scene.client, "GET")->status, 504);
    t_expect_any_end(scene.upstream);
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);
    t_scene_drop_upstream(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

#define HINT "HTTP/1.1 103 Hint\r\nX-Padding: 0123456789012345678901234567890123456789\r\n"

/* However long a client was busy with them, the wait for the answer has its end. */
Test(interim_answers, do_not_end_the_wait_for_the_answer)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, "    timeouts: {response: 1s}\n");
    scene.client = t_connect_small(scene.weir.port, 4096);
    t_scene_request(&scene, "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: h\r\n" VIA "\r\n");
    (void)t_send_until_stuck(&scene.weir, scene.upstream, HINT "\r\n", sizeof(HINT "\r\n") - 1,
                             64 << 20);
    const char *head;
    do
        head = t_read_head(scene.client);
    while (strcmp(head, HINT VIA "\r\n") == 0);
    t_assert_contains(head, "HTTP/1.1 504 ");
    t_expect_any_end(scene.upstream);
    t_weir_end(&scene.weir);
}
