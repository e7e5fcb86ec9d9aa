/* Long bodies of a known length go through pipes, to the byte, and nothing that was left in one is
 * ever seen again. */
#include "support/t_ask.h"
#include "support/t_scene.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define VIA "Via: 1.1 weir\r\n"
#define GET "GET / HTTP/1.1\r\nHost: h\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

enum { LARGE = 8 << 20, SMALL = 16 << 10, STUCK_MAX = 200 << 20 };

static struct t_scene scene;

static void open_scene(void)
{
    t_scene_open(&scene, NULL, NULL);
}

static int64_t spliced(void)
{
    return t_stats_number(&scene.weir, "listeners/web/bytes/spliced");
}

static void ask(void)
{
    t_scene_request(&scene, GET "\r\n", GET VIA "\r\n");
}

static void begin_answer(uint64_t size)
{
    t_scene_answer(&scene, t_text(OK "Content-Length: %llu\r\n\r\n", (unsigned long long)size),
                   t_text(OK "Content-Length: %llu\r\n" VIA "\r\n", (unsigned long long)size));
}

static void begin_upload(const char *method, uint64_t size)
{
    const char *head = t_text("%s / HTTP/1.1\r\nHost: h\r\nContent-Length: %llu\r\n", method,
                              (unsigned long long)size);
    t_scene_request(&scene, t_text("%s\r\nhello", head), t_text("%s" VIA "\r\nhello", head));
}

static void answer_ok(void)
{
    t_scene_answer(&scene, OK "Content-Length: 2\r\n\r\nok",
                   OK "Content-Length: 2\r\n" VIA "\r\nok");
}

/* SIZE bytes of the pattern from OFFSET on, in pieces that the way there has room for. */
static void pass(struct t_conn *from, struct t_conn *to, uint64_t size, uint64_t offset)
{
    enum { PIECE = 256 << 10 };

    for (uint64_t at = 0; at < size; at += PIECE) {
        uint64_t len = size - at < PIECE ? size - at : PIECE;
        t_send_pattern(from, len, offset + at);
        t_expect_pattern(to, len, offset + at);
    }
}

Test(splice, large_bodies_both_ways)
{
    open_scene();
    for (int i = 0; i < 3; i++) {
        int64_t before = spliced();
        int64_t in = t_stats_number(&scene.weir, "listeners/web/bytes/in");
        int64_t out = t_stats_number(&scene.weir, "listeners/web/bytes/out");
        ask();
        begin_answer(LARGE);
        pass(scene.upstream, scene.client, LARGE, 0);
        cr_assert_gt(spliced() - before, LARGE / 2);
        cr_assert_leq(spliced() - before, LARGE);
        t_stats_await(&scene.weir, "listeners/web/bytes/out",
                      out + LARGE +
                          (int64_t)strlen(t_text(OK "Content-Length: %d\r\n" VIA "\r\n", LARGE)));

        before = spliced();
        begin_upload("POST", LARGE);
        pass(scene.client, scene.upstream, LARGE - 5, 5);
        cr_assert_gt(spliced() - before, LARGE / 2);
        t_stats_await(&scene.weir, "listeners/web/bytes/in",
                      in + (int64_t)strlen(GET "\r\n") + LARGE +
                          (int64_t)strlen(t_text(
                              "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", LARGE)));
        answer_ok();
    }
    t_scene_works(&scene);
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);
    t_weir_end(&scene.weir);
}

/* Half of it, an urgent byte, which is no part of the stream (tcp(7)), and the other half.
 * splice(2) does not get behind it. */
static void pass_with_urgent(struct t_conn *from, struct t_conn *to, uint64_t size, uint64_t offset)
{
    pass(from, to, size / 2, offset);
    cr_assert_eq(send(from->fd, "!", 1, MSG_OOB), 1);
    pass(from, to, size - size / 2, offset + size / 2);
}

Test(splice, past_an_urgent_byte)
{
    open_scene();
    ask();
    begin_answer(LARGE);
    pass_with_urgent(scene.upstream, scene.client, LARGE, 0);
    begin_upload("POST", LARGE);
    pass_with_urgent(scene.client, scene.upstream, LARGE - 5, 5);
    cr_assert_gt(spliced(), LARGE / 2);
    answer_ok();
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* What is small, or of no known length, is copied as ever. */
Test(splice, not_what_is_small_or_chunked)
{
    open_scene();
    ask();
    begin_answer(SMALL);
    pass(scene.upstream, scene.client, SMALL, 0);
    ask();
    t_scene_answer(&scene, OK "Transfer-Encoding: chunked\r\n\r\n100000\r\n",
                   OK "Transfer-Encoding: chunked\r\n" VIA "\r\n");
    t_send_pattern(scene.upstream, 0x100000, 0);
    t_send(scene.upstream, "\r\n0\r\n\r\n");
    t_read_until(scene.client, "\r\n0\r\n\r\n");
    t_assert_number("spliced", spliced(), 0);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* A pipe takes no byte more than the body has: what follows is the next request. */
Test(splice, a_request_behind_a_body)
{
    open_scene();
    begin_upload("POST", 1 << 20);
    pass(scene.client, scene.upstream, (1 << 20) - 5 - 100000, 5);
    t_send_pattern(scene.client, 100000, (1 << 20) - 100000);
    t_send(scene.client, "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    t_expect_pattern(scene.upstream, 100000, (1 << 20) - 100000);
    cr_assert_gt(spliced(), 0);
    answer_ok();
    t_expect(scene.upstream, "GET /next HTTP/1.1\r\nHost: h\r\n" VIA "\r\n");
    answer_ok();
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* The same of an answer: what follows was asked by nobody. */
Test(splice, bytes_behind_an_answer)
{
    open_scene();
    ask();
    begin_answer(1 << 20);
    pass(scene.upstream, scene.client, (1 << 20) - 100000, 0);
    t_weir_freeze(&scene.weir);
    t_send_pattern(scene.upstream, 100000, (1 << 20) - 100000);
    t_send(scene.upstream, OK "Content-Length: 6\r\n\r\npoison");
    t_weir_thaw(&scene.weir);
    t_expect_pattern(scene.client, 100000, (1 << 20) - 100000);
    t_stats_await(&scene.weir, "pools/legacy/connections/closed/poisoned", 1);
    t_expect_any_end(scene.upstream);
    t_scene_drop_upstream(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* A reader that does not read stops its sender, whose bytes all come through in the end. */
Test(splice, a_slow_side_stops_the_other)
{
    open_scene();
    ask();
    begin_answer(STUCK_MAX);
    uint64_t sent = t_send_pattern_until_stuck(&scene.weir, scene.upstream, STUCK_MAX);
    cr_assert_lt(sent, STUCK_MAX / 2);
    t_expect_pattern(scene.client, sent, 0);
    pass(scene.upstream, scene.client, STUCK_MAX - sent, sent);

    begin_upload("POST", STUCK_MAX);
    sent = 5 + t_send_pattern_until_stuck(&scene.weir, scene.client, STUCK_MAX - 5);
    cr_assert_lt(sent, STUCK_MAX / 2);
    t_expect_pattern(scene.upstream, sent - 5, 0);
    pass(scene.client, scene.upstream, STUCK_MAX - sent, sent - 5);
    answer_ok();
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* Waits until a client that does not read has stopped its server, with bytes in a pipe. */
static void get_stuck(void)
{
    t_scene_drop_client(&scene);
    scene.client = t_connect_small(scene.weir.port, 4096);
    ask();
    begin_answer(STUCK_MAX);
    (void)t_send_pattern_until_stuck(&scene.weir, scene.upstream, STUCK_MAX);
}

static void send_stuck_upload(const char *method)
{
    begin_upload(method, STUCK_MAX);
    (void)t_send_pattern_until_stuck(&scene.weir, scene.client, STUCK_MAX - 5);
}

/* Ends in the midst of bodies, on each side, both ways: what a pipe held then is gone with it. */
Test(splice, ends_in_the_midst)
{
    open_scene();
    t_scene_works(&scene);
    for (int round = 0; round < 2; round++) {
        for (int by_client = 0; by_client < 2; by_client++) {
            for (int upload = 0; upload < 2; upload++) {
                if (upload)
                    send_stuck_upload("POST");
                else
                    get_stuck();
                t_reset(by_client ? scene.client : scene.upstream);
                (void)t_read_to_any_end(by_client ? scene.upstream : scene.client, NULL);
                t_stats_await(&scene.weir, "listeners/web/requests/active", 0);
                t_scene_drop_client(&scene);
                t_scene_drop_upstream(&scene);
                t_scene_works(&scene);
                /* The next body is whole, through whatever pipes there are. */
                ask();
                begin_answer(1 << 20);
                pass(scene.upstream, scene.client, 1 << 20, 7);
                begin_upload("POST", 1 << 20);
                pass(scene.client, scene.upstream, (1 << 20) - 5, 9);
                answer_ok();
            }
        }
    }
    t_weir_end(&scene.weir);
}

/* Cut short by a FIN: the client's connection ends before the length is reached. */
Test(splice, cut_short)
{
    open_scene();
    ask();
    begin_answer(LARGE);
    pass(scene.upstream, scene.client, LARGE / 2, 0);
    t_close(scene.upstream);
    t_expect_any_end(scene.client);
    t_scene_drop_client(&scene);
    scene.upstream = NULL;

    begin_upload("POST", LARGE);
    pass(scene.client, scene.upstream, LARGE / 2, 5);
    t_half_close(scene.client);
    t_assert_number("status", t_read_response(scene.client, "POST")->status, 400);
    t_expect_any_end(scene.upstream);
    t_scene_drop_client(&scene);
    t_scene_drop_upstream(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* An early answer comes through whole beside an upload that is stuck in a pipe. */
Test(splice, an_early_answer)
{
    open_scene();
    send_stuck_upload("POST");
    t_sendf(scene.upstream, "HTTP/1.1 413 No\r\nContent-Length: %d\r\n\r\n", LARGE);
    t_expectf(scene.client,
              "HTTP/1.1 413 No\r\nContent-Length: %d\r\n" VIA "Connection: close\r\n\r\n", LARGE);
    pass(scene.upstream, scene.client, LARGE, 0);
    t_expect_end(scene.client);
    (void)t_read_to_any_end(scene.upstream, NULL);
    t_scene_drop_client(&scene);
    t_scene_drop_upstream(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* What has gone through a pipe can't be sent again. */
Test(splice, not_sent_again)
{
    t_origin_open(&scene.origin);
    t_weir_start_shape(&scene.weir, &(struct t_shape){.workers = 1,
                                                      .port = scene.origin.port,
                                                      .listener = "    forwarded: off\n",
                                                      .pool = "    retry: {attempts: 5}\n"});
    begin_upload("PUT", LARGE);
    pass(scene.client, scene.upstream, LARGE / 2, 5);
    cr_assert_gt(spliced(), 0);
    t_reset(scene.upstream);
    t_assert_number("status", t_read_response(scene.client, "PUT")->status, 502);
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);
    t_weir_end(&scene.weir);
}

/* As long as the first block of a body has all that was sent of it, it can. */
Test(splice, sent_again_before)
{
    t_origin_open(&scene.origin);
    t_weir_start_shape(&scene.weir, &(struct t_shape){.workers = 1,
                                                      .port = scene.origin.port,
                                                      .listener = "    forwarded: off\n"});
    begin_upload("PUT", LARGE);
    t_reset(scene.upstream);
    scene.upstream = t_accept(&scene.origin);
    t_expectf(scene.upstream, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n" VIA "\r\nhello",
              LARGE);
    pass(scene.client, scene.upstream, LARGE - 5, 5);
    answer_ok();
    t_weir_end(&scene.weir);
}

Test(splice, that_stalls)
{
    t_scene_open(&scene, "    timeouts: {write: 1s}\n", "    timeouts: {stall: 1s}\n");
    ask();
    begin_answer(LARGE);
    t_send_pattern(scene.upstream, 100000, 0);
    t_expect_pattern(scene.client, 100000, 0);
    t_expect_any_end(scene.client);
    t_expect_any_end(scene.upstream);
    t_pool_await(&scene.weir, "connections/closed/timeout", 1);
    t_scene_drop_client(&scene);
    t_scene_drop_upstream(&scene);

    send_stuck_upload("POST");
    t_assert_number("status", t_read_response(scene.client, "POST")->status, 504);
    t_pool_await(&scene.weir, "connections/closed/timeout", 2);
    t_scene_drop_upstream(&scene);

    get_stuck();
    t_pool_await(&scene.weir, "connections/closed/client_gone", 1);
    (void)t_read_to_any_end(scene.upstream, NULL);
    t_scene_drop_client(&scene);
    t_scene_drop_upstream(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* Without a pipe to be had, bodies are copied. */
Test(splice, none_to_be_had)
{
    struct rlimit before, none;
    open_scene();
    t_scene_works(&scene);
    cr_assert_eq(prlimit(scene.weir.process.pid, RLIMIT_NOFILE, NULL, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    cr_assert_eq(prlimit(scene.weir.process.pid, RLIMIT_NOFILE, &none, NULL), 0);
    ask();
    begin_answer(LARGE);
    pass(scene.upstream, scene.client, LARGE, 0);
    begin_upload("POST", LARGE);
    pass(scene.client, scene.upstream, LARGE - 5, 5);
    answer_ok();
    cr_assert_eq(prlimit(scene.weir.process.pid, RLIMIT_NOFILE, &before, NULL), 0);
    t_assert_number("spliced", spliced(), 0);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* More at once than there are pipes, all of them stuck for a while. Few pipes stay open. */
Test(splice, more_than_there_are_pipes)
{
    enum { CLIENTS = 100, BYTES = 16 << 20, DESCRIPTORS_KEPT = 2 * 8 };
    struct t_real_origin origin;
    struct t_conn *clients[CLIENTS];
    t_real_origin_start(&origin, NULL);
    t_weir_start_shape(&scene.weir, &(struct t_shape){.workers = 1,
                                                      .port = origin.port,
                                                      .pool = "    connections: {max_idle: 1}\n"});
    t_one_shot(&scene.weir, "/");
    int before = t_process_descriptors(&scene.weir.process);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = t_connect_small(scene.weir.port, 4096);
        t_sendf(clients[i], "GET /?size=%d&seed=%d HTTP/1.1\r\nHost: h\r\n\r\n", BYTES, i);
    }
    t_stats_await(&scene.weir, "listeners/web/requests/active", CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        t_assert_contains(t_read_head(clients[i]), " 200 ");
        t_expect_pattern(clients[i], 1 << 20, (uint64_t)i);
    }
    for (int i = 0; i < CLIENTS; i++)
        t_reset(clients[i]);
    t_stats_await(&scene.weir, "listeners/web/requests/active", 0);
    t_stats_await(&scene.weir, "listeners/web/connections/active", 0);
    cr_assert_leq(t_process_descriptors(&scene.weir.process), before + DESCRIPTORS_KEPT);
    cr_assert_gt(spliced(), 0);
    t_weir_end(&scene.weir);
    t_real_origin_stop(&origin);
}
