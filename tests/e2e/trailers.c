/* Trailers travel both ways behind chunked bodies, but for those that weir or a server goes by. */
#include "support/t_scene.h"

#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\n"
#define GET_FORWARDED "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.1 weir\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define VIA "Via: 1.1 weir\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

static void answer(struct t_scene *scene)
{
    t_scene_answer(scene, OK "Content-Length: 0\r\n\r\n", OK "Content-Length: 0\r\n" VIA);
}

struct row {
    const char *sent;
    const char *received;
};

/* As they stand between the last chunk and the empty line. */
static const struct row rows[] = {
    {"A: b\r\n", "A: b\r\n"},
    {"A:b\r\n", "A:b\r\n"},
    {"a: 1\r\nB:\t2 \r\na: 3\r\n", "a: 1\r\nB:\t2 \r\na: 3\r\n"},
    {"Digest: \xe9\xff\r\nServer-Timing: a;dur=1\r\nDigest: x\r\n",
     "Digest: \xe9\xff\r\nServer-Timing: a;dur=1\r\nDigest: x\r\n"},
    {"Content-Length: 5\r\n", ""},
    {"Transfer-Encoding: chunked\r\nA: b\r\nHost: evil\r\n", "A: b\r\n"},
    {"A: 1\r\ncontent-length: 0\r\nB: 2\r\nCONNECTION: close\r\nKeep-Alive: x\r\nC: 3\r\n",
     "A: 1\r\nB: 2\r\nC: 3\r\n"},
    {"X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nVia: 1.0 x\r\nX-Forwarded-Port: 1\r\n",
     ""},
    {"TE: trailers\r\nTrailer: A\r\nUpgrade: x\r\nExpect: 100-continue\r\n", ""},
};

Test(trailers, of_requests)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        t_scene_request(&scene, t_text(POST CHUNKED "\r\n5\r\nhello\r\n0\r\n%s\r\n", rows[i].sent),
                        t_text(POST CHUNKED VIA "5\r\nhello\r\n0\r\n%s\r\n", rows[i].received));
        answer(&scene);
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

Test(trailers, of_requests_in_drips)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        t_scene_request(&scene, POST CHUNKED "\r\n5\r\nhello\r\n",
                        POST CHUNKED VIA "5\r\nhello\r\n");
        char *end = t_text("0\r\n%s\r\n", rows[i].sent);
        t_send_in_pieces(scene.client, end, strlen(end), 1);
        t_expectf(scene.upstream, "0\r\n%s\r\n", rows[i].received);
        answer(&scene);
    }
    t_weir_end(&scene.weir);
}

Test(trailers, of_answers)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i / 2];
        t_scene_request(&scene, GET "\r\n", GET_FORWARDED);
        t_scene_answer(&scene, OK CHUNKED "\r\n5\r\nhello\r\n", OK CHUNKED VIA "5\r\nhello\r\n");
        char *end = t_text("0\r\n%s\r\n", row->sent);
        t_send_in_pieces(scene.upstream, end, strlen(end), i % 2 ? 1 : strlen(end));
        t_expectf(scene.client, "0\r\n%s\r\n", row->received);
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* The announcement goes with them, and only with them. */
Test(trailers, are_announced_where_they_can_come)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, POST "Trailer: A\r\n" CHUNKED "\r\n0\r\nA: b\r\n\r\n",
                    POST "Trailer: A\r\n" CHUNKED VIA "0\r\nA: b\r\n\r\n");
    t_scene_answer(&scene, OK "Trailer: A\r\n" CHUNKED "\r\n0\r\nA: b\r\n\r\n",
                   OK "Trailer: A\r\n" CHUNKED VIA "0\r\nA: b\r\n\r\n");
    t_scene_request(&scene, POST "Trailer: A\r\nContent-Length: 2\r\n\r\nhi",
                    POST "Content-Length: 2\r\n" VIA "hi");
    t_scene_answer(&scene, OK "Trailer: A\r\nContent-Length: 2\r\n\r\nhi",
                   OK "Content-Length: 2\r\n" VIA "hi");
    t_weir_end(&scene.weir);
}

/* An HTTP/1.0 client has no place for them. */
Test(trailers, are_not_for_http10_clients)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, "GET / HTTP/1.0\r\nHost: h\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.0 weir\r\n\r\n");
    t_scene_answer(&scene, OK "Trailer: A\r\n" CHUNKED "\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
                   OK "Via: 1.1 weir\r\nConnection: close\r\n\r\nhello");
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* Which hop could take them is between two hops: weir can, always. */
Test(trailers, te_is_not_passed_on)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, GET "TE: trailers\r\nConnection: TE\r\n\r\n", GET_FORWARDED);
    t_scene_answer(&scene, OK CHUNKED "\r\n0\r\nA: b\r\n\r\n", OK CHUNKED VIA "0\r\nA: b\r\n\r\n");
    t_weir_end(&scene.weir);
}
