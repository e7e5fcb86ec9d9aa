/* An answer that comes before the request is finished reaches the client whole. */
#include "support/t_ask.h"
#include "support/t_scene.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define VIA "Via: 1.1 weir\r\n"
#define POST(length) "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " length "\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
#define TOO_LARGE "HTTP/1.1 413 Content Too Large\r\n"
#define CLOSE "Connection: close\r\n"

enum { LARGE = 4 << 20, PIECE = LARGE / 16, ANSWER = 200 << 10 };

static void begin(struct t_scene *scene)
{
    t_scene_open(scene, NULL, NULL);
    t_scene_request(scene, POST("8000000") "\r\nhello", POST("8000000") VIA "\r\nhello");
}

/* The answer, then an end in order, not a reset. */
static void expect_answer(struct t_scene *scene, size_t size)
{
    t_expectf(scene->client, TOO_LARGE "Content-Length: %zu\r\n" VIA CLOSE "\r\n", size);
    t_expect_pattern(scene->client, size, 0);
    t_expect_end(scene->client);
    t_scene_drop_client(scene);
}

static void send_answer(struct t_scene *scene, size_t size)
{
    t_sendf(scene->upstream, TOO_LARGE "Content-Length: %zu\r\n\r\n", size);
    t_send_pattern(scene->upstream, size, 0);
}

Test(early_answer, of_a_server_that_stays)
{
    struct t_scene scene;
    begin(&scene);
    send_answer(&scene, 5);
    expect_answer(&scene, 5);
    t_expect_any_end(scene.upstream);
    t_scene_drop_upstream(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* With bytes unread in its socket, the server's close is a reset; the answer came before it. */
Test(early_answer, of_a_server_that_closes)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int unread = 0; unread < 2; unread++) {
        t_scene_request(&scene, POST("8000000") "\r\nhello",
                        unread ? "POST " : POST("8000000") VIA "\r\nhello");
        send_answer(&scene, 5);
        t_scene_drop_upstream(&scene);
        expect_answer(&scene, 5);
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* A client that sends on regardless, and reads only when it is done. */
/* What is wrong with the rest of the request comes to light in the same turn of the loop. */
Test(early_answer, before_a_chunk_that_is_none)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, CHUNKED "\r\n5\r\nhello\r\n", CHUNKED VIA "\r\n5\r\nhello\r\n");
    t_weir_freeze(&scene.weir);
    send_answer(&scene, 5);
    t_send(scene.client, "no chunk\r\n");
    t_weir_thaw(&scene.weir);
    expect_answer(&scene, 5);
    t_scene_drop_upstream(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(early_answer, for_a_client_that_keeps_sending)
{
    struct t_scene scene;
    begin(&scene);
    send_answer(&scene, ANSWER);
    t_expect_any_end(scene.upstream);
    t_send_pattern(scene.client, LARGE, 5);
    expect_answer(&scene, ANSWER);
    t_scene_drop_upstream(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* The same, with the server resetting in the midst of the body. */
Test(early_answer, before_a_reset)
{
    struct t_scene scene;
    begin(&scene);
    t_send_pattern(scene.client, LARGE, 5);
    send_answer(&scene, 1000);
    t_await_read_by_peer(scene.upstream);
    t_reset(scene.upstream);
    scene.upstream = NULL;
    expect_answer(&scene, 1000);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* A server that takes no more and says nothing: weir answers for it, whole too. */
Test(early_answer, none_before_a_reset)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (int resets = 0; resets < 2; resets++) {
        t_scene_request(&scene, POST("8000000") "\r\nhello", POST("8000000") VIA "\r\nhello");
        (void)t_send_pattern_until_stuck(&scene.weir, scene.client, 1 << 20);
        if (resets)
            t_reset(scene.upstream);
        else
            t_close(scene.upstream);
        scene.upstream = NULL;
        char *got = t_read_to_end(scene.client, NULL);
        t_assert_contains(got, "HTTP/1.1 502 Bad Gateway\r\n");
        t_assert_contains(got, "\r\n" CLOSE);
        t_scene_drop_client(&scene);
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* No answer is final before its end: the body goes on beside it. */
Test(early_answer, that_lasts_while_the_body_comes)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, CHUNKED "\r\n2\r\nab\r\n", CHUNKED VIA "\r\n2\r\nab\r\n");
    t_scene_answer(&scene, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" VIA CLOSE "\r\n");
    for (int i = 0; i < 20; i++) {
        char *piece = t_text("2\r\n%02d\r\n", i);
        t_scene_request(&scene, piece, piece);
        t_scene_answer(&scene, piece, piece);
    }
    t_scene_request(&scene, "0\r\n\r\n", "0\r\n\r\n");
    t_scene_answer(&scene, "0\r\n\r\n", "0\r\n\r\n");
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_scene_works(&scene);
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);
    t_weir_end(&scene.weir);
}

/* Both directions full at once: neither waits for the other. */
Test(early_answer, large_both_ways)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, t_text(POST("%d") "\r\n", LARGE), t_text(POST("%d") VIA "\r\n", LARGE));
    t_scene_answer(&scene, t_text("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE),
                   t_text("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" VIA CLOSE "\r\n", LARGE));
    for (uint64_t at = 0; at < LARGE; at += PIECE) {
        t_send_pattern(scene.client, PIECE, at);
        /* The answer's last byte would be the exchange's end. */
        if (at + PIECE < LARGE)
            t_send_pattern(scene.upstream, PIECE, at);
        t_expect_pattern(scene.upstream, PIECE, at);
        if (at + PIECE == LARGE)
            t_send_pattern(scene.upstream, PIECE, at);
        t_expect_pattern(scene.client, PIECE, at);
    }
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_weir_end(&scene.weir);
}

/* The end of an early answer is the exchange's end: what the client sends on is dropped, and never
 * read as a request. */
Test(early_answer, leaves_nothing_to_be_read_as_a_request)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, POST("1000") "\r\n", POST("1000") VIA "\r\n");
    send_answer(&scene, 5);
    t_expect_any_end(scene.upstream);
    t_scene_drop_upstream(&scene);
    t_send(scene.client, "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
    expect_answer(&scene, 5);
    t_scene_works(&scene);
    t_stats_assert(&scene.weir, "listeners/web/requests/total", 2);
    t_weir_end(&scene.weir);
}

/* Sends on both, each as much as is taken, until weir has ended both. */
static void send_until_ended(struct t_conn *one, struct t_conn *other)
{
    static char block[64 * 1024];
    struct t_conn *conns[] = {one, other};
    bool has_ended[2] = {false};
    int64_t deadline = t_deadline_ms();

    while (!has_ended[0] || !has_ended[1]) {
        for (int i = 0; i < 2; i++) {
            ssize_t n = send(conns[i]->fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT);
            has_ended[i] |= n < 0 && errno != EAGAIN && errno != EINTR;
        }
        cr_assert(t_left_ms(deadline), "weir ends neither, or only one");
    }
}

/* A client that takes nothing and a server that takes nothing: that ends, too. */
Test(early_answer, stuck_both_ways)
{
    struct t_scene scene;
    t_scene_open(&scene, "    timeouts: {write: 300ms}\n", NULL);
    scene.client = t_connect_small(scene.weir.port, 4096);
    t_scene_request(&scene, POST("100000000") "\r\nhello", POST("100000000") VIA "\r\nhello");
    t_send(scene.upstream, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    send_until_ended(scene.upstream, scene.client);
    t_stats_await(&scene.weir, "listeners/web/requests/active", 0);
    t_scene_drop_client(&scene);
    t_scene_drop_upstream(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* A stall is no byte either way: a body that moves keeps an answer alive that waits for it. */
Test(early_answer, that_waits_for_the_body)
{
    enum { STALL_MS = 2000 };
    struct t_scene scene;
    t_scene_open(&scene, NULL, "    timeouts: {stall: 2s}\n");
    t_scene_request(&scene, CHUNKED "\r\n2\r\nab\r\n", CHUNKED VIA "\r\n2\r\nab\r\n");
    t_scene_answer(&scene, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
                   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" VIA CLOSE "\r\n");
    int64_t moved_ms = t_now_ms(), end_ms = moved_ms + 2 * STALL_MS;
    while (moved_ms < end_ms) {
        int64_t before_ms = t_now_ms();
        (void)t_try_send(scene.client, "1\r\nc\r\n", 6);
        if (t_now_ms() - moved_ms >= STALL_MS) {
            t_process_kill(&scene.weir.process);
            cr_skip_test("this test had to wait for its turn for too long");
        }
        t_expect(scene.upstream, "1\r\nc\r\n");
        moved_ms = before_ms;
    }
    t_scene_request(&scene, "0\r\n\r\n", "0\r\n\r\n");
    t_scene_answer(&scene, "ok", "ok");
    t_expect_end(scene.client);
    t_weir_end(&scene.weir);
}
