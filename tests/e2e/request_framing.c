/* A request's body reaches the server whole, in framing that weir wrote itself. */
#include "support/t_scene.h"

#include <string.h>

#define VIA "Via: 1.1 weir\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n"

static void answer(struct t_scene *scene)
{
    t_scene_answer(scene, "HTTP/1.1 204 No Content\r\n\r\n",
                   "HTTP/1.1 204 No Content\r\nVia: 1.1 weir\r\n\r\n");
}

struct row {
    const char *request;
    const char *forwarded;
};

static const struct row rows[] = {
    {POST "Content-Length: 5\r\n\r\nhello", POST "Content-Length: 5\r\n" VIA "hello"},
    {POST "Content-Length:\t0005 \r\n\r\nhello", POST "Content-Length: 5\r\n" VIA "hello"},
    {POST "content-length:0\r\n\r\n", POST "Content-Length: 0\r\n" VIA},
    {POST "\r\n", POST VIA},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
     "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n" VIA "hello"},
    {"HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
     "HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n" VIA "hello"},
    {"POST / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nVia: 1.0 weir\r\n\r\nhello"},
    {CHUNKED "\r\n5\r\nhello\r\n0\r\n\r\n", CHUNKED VIA "5\r\nhello\r\n0\r\n\r\n"},
    {CHUNKED "\r\n0\r\n\r\n", CHUNKED VIA "0\r\n\r\n"},
    {CHUNKED "\r\n0000000000000005\r\nhello\r\n0000\r\n\r\n",
     CHUNKED VIA "5\r\nhello\r\n0\r\n\r\n"},
    {CHUNKED "\r\n5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n", CHUNKED VIA "5\r\nhello\r\n0\r\n\r\n"},
    {CHUNKED "\r\n1\r\nh\r\n1\r\ne\r\n3\r\nllo\r\n0\r\n\r\n",
     CHUNKED VIA "5\r\nhello\r\n0\r\n\r\n"},
    {CHUNKED "\r\nA\r\n0123456789\r\na\r\n\r\n0\r\n\r\n0\r\n\r\n0\r\n\r\n",
     CHUNKED VIA "14\r\n0123456789\r\n0\r\n\r\n0\r\n\r\n0\r\n\r\n"},
    {POST "TRANSFER-encoding:  CHUNKED \r\n\r\n2\r\n\r\n\r\n0\r\n\r\n",
     CHUNKED VIA "2\r\n\r\n\r\n0\r\n\r\n"},
};

Test(request_framing, at_once)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        t_scene_request(&scene, rows[i].request, rows[i].forwarded);
        t_send(scene.upstream, "HTTP/1.1 204 No Content\r\n\r\n");
        t_assert_number("status", t_read_response(scene.client, "GET")->status, 204);
    }
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* In drips, chunks become smaller ones: read, not compared. */
Test(request_framing, in_drips)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    scene.client = t_connect(scene.weir.port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct t_message whole;
        const char *wrong = NULL;
        t_send_in_pieces(scene.client, rows[i].request, strlen(rows[i].request), 1);
        if (!scene.upstream)
            scene.upstream = t_accept(&scene.origin);
        struct t_message *got = t_read_request(scene.upstream);
        cr_assert_eq(t_message_parse(&whole, rows[i].forwarded, strlen(rows[i].forwarded), NULL,
                                     true, &wrong),
                     T_PARSE_DONE);
        t_assert_text(got->head, whole.head);
        t_assert_bytes(got->body, got->body_len, whole.body, whole.body_len);
        t_message_fini(&whole);
        t_send(scene.upstream, "HTTP/1.1 204 No Content\r\n\r\n");
        t_assert_number("status", t_read_response(scene.client, "GET")->status, 204);
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* What stands behind a body is the next request, be the body chunked or not. */
Test(request_framing, bytes_behind_a_body)
{
    static const char next[] = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";
    static const char next_forwarded[] = "GET /next HTTP/1.1\r\nHost: h\r\n" VIA;
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        t_scene_request(&scene, t_text("%s%s", rows[i].request, next), rows[i].forwarded);
        t_send(scene.upstream, "HTTP/1.1 204 No Content\r\n\r\n");
        t_assert_number("status", t_read_response(scene.client, "GET")->status, 204);
        t_expect(scene.upstream, next_forwarded);
        answer(&scene);
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* Each piece goes on without waiting for the next. */
Test(request_framing, pieces_pass_as_they_come)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, CHUNKED "\r\n3\r\nab", CHUNKED VIA "2\r\nab\r\n");
    t_scene_request(&scene, "c", "1\r\nc\r\n");
    t_scene_request(&scene, "\r\n2;x\r\nde\r\n", "2\r\nde\r\n");
    t_scene_request(&scene, "0\r\n\r\n", "0\r\n\r\n");
    answer(&scene);
    t_scene_request(&scene, POST "Content-Length: 3\r\n\r\n", POST "Content-Length: 3\r\n" VIA);
    t_scene_request(&scene, "a", "a");
    t_scene_request(&scene, "bc", "bc");
    answer(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(request_framing, very_many_chunks_in_one_packet)
{
    enum { CHUNKS = 5000 };
    struct t_scene scene;
    char *body = t_alloc(CHUNKS * 8 + 16), *at = body;
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < CHUNKS; i++)
        at = stpcpy(at, t_text("1\r\n%c\r\n", 'a' + i % 26));
    strcpy(at, "0\r\n\r\n");
    for (int round = 0; round < 2; round++) {
        t_scene_request(&scene, CHUNKED "\r\n", "");
        t_send(scene.client, body);
        struct t_message *got = t_read_request(scene.upstream);
        t_assert_number("length", (int64_t)got->body_len, CHUNKS);
        for (size_t i = 0; i < CHUNKS; i++)
            t_assert_number("byte", got->body[i], 'a' + (int)(i % 26));
        answer(&scene);
    }
    t_weir_end(&scene.weir);
}

/* Bodies that end right at, before and behind the end of the block that they pass through, with a
 * request behind them. */
Test(request_framing, sizes_around_a_block)
{
    enum { BLOCK = 16 << 10 };
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    scene.client = t_connect(scene.weir.port);
    for (size_t size = BLOCK - 70; size <= BLOCK + 2; size++) {
        char *body = t_alloc(size + 1);
        t_pattern_fill(body, size, size);
        for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
            if (is_chunked)
                t_sendf(scene.client, CHUNKED "\r\n%zx\r\n%s\r\n0\r\n\r\n", size, body);
            else
                t_sendf(scene.client, POST "Content-Length: %zu\r\n\r\n%s", size, body);
            t_send(scene.client, "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
            if (!scene.upstream)
                scene.upstream = t_accept(&scene.origin);
            struct t_message *got = t_read_request(scene.upstream);
            t_assert_bytes(got->body, got->body_len, body, size);
            answer(&scene);
            t_assert_text(t_read_request(scene.upstream)->target, "/next");
            answer(&scene);
        }
    }
    t_weir_end(&scene.weir);
}
