/* A server's answer that is not valid HTTP never looks whole, and its connection is never reused.
 */
#include "support/t_scene.h"

#include <string.h>

#define BYTES(literal) (literal), sizeof(literal) - 1
#define OK "HTTP/1.1 200 OK\r\n"
#define FIELD(text) BYTES(OK text "\r\nContent-Length: 5\r\n\r\nhello")
#define LENGTH(value) BYTES(OK "Content-Length:" value "\r\n\r\nhello")
#define CODING(value) BYTES(OK "Transfer-Encoding:" value "\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
#define LINE(text) BYTES(text "\r\nContent-Length: 5\r\n\r\nhello")

struct row {
    const char *bytes;
    size_t len;
};

static const struct row heads[] = {
    {LINE("HTTP/1.1")},
    {LINE("HTTP/1.1 ")},
    {LINE("HTTP/1.1 20 OK")},
    {LINE("HTTP/1.1 2000 OK")},
    {LINE("HTTP/1.1 2OO OK")},
    {LINE("HTTP/1.1 099 Low")},
    {LINE("HTTP/1.1 600 High")},
    {LINE("HTTP/1.1 -20 OK")},
    {LINE("HTTP/1.1  200 OK")},
    {LINE("HTTP/1.1\t200 OK")},
    {LINE("HTTP/1.1 200\tOK")},
    {LINE("HTTP/1.1 200 O\0K")},
    {LINE("HTTP/1.1 200 O\rK")},
    {LINE("HTTP/1.1 200 OK\r")},
    {LINE("HTTP/1.1 200 OK\x1b[2J")},
    {LINE("HTTP/2.0 200 OK")},
    {LINE("HTTP/0.9 200 OK")},
    {LINE("HTTP/1.10 200 OK")},
    {LINE("http/1.1 200 OK")},
    {LINE("ICY 200 OK")},
    {LINE("\r\nHTTP/1.1 200 OK")},
    {LINE(" HTTP/1.1 200 OK")},
    {BYTES("<html>hello</html>\n")},
    {BYTES("\x16\x03\x01\x00\x01\x00\x0d\x0a")},
    {BYTES("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello")},
    {BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5\n\nhello")},
    {BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello")},
    {FIELD("A : b")},
    {FIELD(" A: b")},
    {FIELD("A: b\r\n c")},
    {FIELD("A: b\r\n\tc")},
    {FIELD("A")},
    {FIELD(": b")},
    {FIELD("A B: c")},
    {FIELD("A\0: c")},
    {FIELD("A: b\0c")},
    {FIELD("A: b\rc")},
    {FIELD("A: b\nB: c")},
    {FIELD("A: b\x7f")},
    {FIELD("Content-Length: 5")},
    {FIELD("Content-Length: 6")},
    {FIELD("Transfer-Encoding: chunked")},
    {FIELD("Transfer-Encoding: identity")},
    {LENGTH("5, 5")},
    {LENGTH("")},
    {LENGTH("+5")},
    {LENGTH("-5")},
    {LENGTH("5x")},
    {LENGTH("0x5")},
    {LENGTH("9223372036854775808")},
    {LENGTH("18446744073709551621")},
    {CODING("")},
    {CODING("gzip")},
    {CODING("gzip, chunked")},
    {CODING("chunked, gzip")},
    {CODING("chunked, chunked")},
    {CODING("chunked\r\nTransfer-Encoding: chunked")},
    {CODING("identity")},
    {CODING("xchunked")},
    {CODING("\vchunked")},
    {BYTES("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")},
    {BYTES("HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n")},
    {BYTES("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n")},
    {BYTES("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello")},
    {BYTES("HTTP/1.1 100 Continue\r\nA : b\r\n\r\n" OK "Content-Length: 0\r\n\r\n")},
};

/* Each after a fine head. */
static const struct row bodies[] = {
    {BYTES("x\r\nhello\r\n0\r\n\r\n")},
    {BYTES("\r\n5\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5 \r\nhello\r\n0\r\n\r\n")},
    {BYTES("-5\r\nhello\r\n0\r\n\r\n")},
    {BYTES("0x5\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5\nhello\r\n0\r\n\r\n")},
    {BYTES("5\rhello\r\n0\r\n\r\n")},
    {BYTES("5\r\nhello!!0\r\n\r\n")},
    {BYTES("5\r\nhello\n0\r\n\r\n")},
    {BYTES("5\r\nhell\r\n0\r\n\r\n")},
    {BYTES("10000000000000005\r\nhello\r\n0\r\n\r\n")},
    {BYTES("ffffffffffffffff\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5;a\0\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5;a\nb\r\nhello\r\n0\r\n\r\n")},
    {BYTES("5\r\nhello\r\n0\r\n\n")},
    {BYTES("5\r\nhello\r\n0\r\n\rX")},
    {BYTES("5\r\nhello\r\n0\r\nA : b\r\n\r\n")},
    {BYTES("5\r\nhello\r\n0\r\n A: b\r\n\r\n")},
    {BYTES("5\r\nhello\r\n0\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
};

static void ask(struct t_scene *scene)
{
    t_scene_request(scene, "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.1 weir\r\n\r\n");
}

static void give(struct t_scene *scene, const struct row *row, bool drips)
{
    if (drips)
        t_send_in_pieces(scene->upstream, row->bytes, row->len, 1);
    else
        t_send_bytes(scene->upstream, row->bytes, row->len);
}

/* 502 from weir, the client's connection goes on, the server's does not. */
static void check_heads(bool drips)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        ask(&scene);
        give(&scene, &heads[i], drips);
        struct t_message *answer = t_read_response(scene.client, "GET");
        if (answer->status != 502 || answer->framing != T_FRAMING_LENGTH ||
            t_field(answer, "Connection"))
            t_fail("\"%s\"\n  should become a 502; got \"%s\"",
                   t_escape(heads[i].bytes, heads[i].len),
                   t_escape(answer->head, answer->head_len));
        t_expect_any_end(scene.upstream);
        t_scene_drop_upstream(&scene);
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(response_strictness, heads)
{
    check_heads(false);
}

Test(response_strictness, heads_in_drips)
{
    check_heads(true);
}

/* Whatever of the answer came through, the client sees that it is not whole. */
static void check_broken(struct t_scene *scene, const struct row *row)
{
    size_t len;
    char *got = t_read_to_any_end(scene->client, &len);
    int status = t_whole_status(got, len);

    if (status && status != 502)
        t_fail("\"%s\"\n  looks whole to the client: \"%s\"", t_escape(row->bytes, row->len),
               t_escape(got, len));
    t_scene_drop_client(scene);
    t_expect_any_end(scene->upstream);
    t_scene_drop_upstream(scene);
}

static void check_bodies(bool drips)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        ask(&scene);
        t_scene_answer(&scene, OK "Transfer-Encoding: chunked\r\n\r\n",
                       OK "Transfer-Encoding: chunked\r\nVia: 1.1 weir\r\n\r\n");
        give(&scene, &bodies[i], drips);
        t_assert_lacks(t_read_to_any_end(scene.client, NULL), "0\r\n");
        t_scene_drop_client(&scene);
        t_expect_any_end(scene.upstream);
        t_scene_drop_upstream(&scene);
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(response_strictness, bodies)
{
    check_bodies(false);
}

Test(response_strictness, bodies_in_drips)
{
    check_bodies(true);
}

/* Head and broken body in one packet: 502, or a start that is visibly cut. */
Test(response_strictness, bodies_right_behind_the_head)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        ask(&scene);
        char *answer = t_alloc(bodies[i].len + 100);
        size_t len = strlen(strcpy(answer, OK "Transfer-Encoding: chunked\r\n\r\n"));
        memcpy(answer + len, bodies[i].bytes, bodies[i].len);
        t_send_bytes(scene.upstream, answer, len + bodies[i].len);
        check_broken(&scene, &bodies[i]);
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* Bytes after the answer: it is whole, and what follows is nobody's. */
Test(response_strictness, bytes_after_the_answer)
{
    static const char *const answers[] = {
        OK "Content-Length: 0\r\n\r\n" OK "Content-Length: 6\r\n\r\npoison",
        OK "Content-Length: 5\r\n\r\nhello!",
        OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\nhello",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello",
    };
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        ask(&scene);
        t_send(scene.upstream, answers[i]);
        t_assert_lacks(t_read_response(scene.client, "GET")->head, "poison");
        t_expect_any_end(scene.upstream);
        t_scene_drop_upstream(&scene);
    }
    t_stats_assert(&scene.weir, "pools/legacy/connections/closed/poisoned", 5);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(response_strictness, bytes_while_idle)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_works(&scene);
    t_send(scene.upstream, OK "Content-Length: 6\r\n\r\npoison");
    t_expect_any_end(scene.upstream);
    t_scene_drop_upstream(&scene);
    t_stats_assert(&scene.weir, "pools/legacy/connections/closed/poisoned", 1);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(response_strictness, every_bad_mood_of_weir_origin)
{
    static const char *const moods[] = {"garbage",
                                        "http09",
                                        "two_lengths",
                                        "length_and_chunked",
                                        "bad_length",
                                        "negative_length",
                                        "bad_chunk_size",
                                        "chunk_no_crlf",
                                        "bare_lf",
                                        "bare_cr",
                                        "nul_in_header",
                                        "obs_fold",
                                        "space_before_colon",
                                        "no_colon",
                                        "huge_head",
                                        "many_headers",
                                        "bad_status",
                                        "status_99",
                                        "http2_version",
                                        "te_gzip",
                                        "unasked_101"};
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, NULL);
    t_weir_start_to(&weir, origin.port, NULL);
    for (size_t i = 0; i < sizeof(moods) / sizeof(moods[0]); i++) {
        size_t len;
        struct t_conn *client = t_connect(weir.port);
        t_sendf(client, "GET /?bad=%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", moods[i]);
        char *got = t_read_to_any_end(client, &len);
        int status = t_whole_status(got, len);
        if (status && status != 502)
            t_fail("%s looks whole: \"%s\"", moods[i], t_escape(got, len));
        t_close(client);
        client = t_connect(weir.port);
        t_assert_number("status of the next", t_get(client, "/?size=10")->status, 200);
        t_close(client);
    }
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}
