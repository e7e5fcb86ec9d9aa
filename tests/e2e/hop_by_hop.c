/* Fields that concern one connection stay on it; framing and routing go on whoever lists them. */
#include "support/t_scene.h"

#define VIA "Via: 1.1 weir\r\n"
#define GET "GET / HTTP/1.1\r\nHost: h\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"
#define OK "HTTP/1.1 200 OK\r\n"
#define CLOSE "Connection: close\r\n"

struct row {
    const char *request, *forwarded;
};

static const struct row requests[] = {
    {GET "Connection: keep-alive\r\n\r\n", GET VIA "\r\n"},
    {GET "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nA: b\r\nTE: trailers\r\n"
         "Upgrade: websocket\r\nHTTP2-Settings: AAMA\r\nProxy-Authorization: Basic eDp5\r\n\r\n",
     GET "A: b\r\n" VIA "\r\n"},
    {GET "keep-alive: 5\r\nPROXY-CONNECTION: close\r\nte:gzip\r\nuPGRADE: h2c\r\n\r\n",
     GET VIA "\r\n"},
    {GET "X-A: 1\r\nConnection: X-A\r\nX-B: 2\r\n\r\n", GET "X-B: 2\r\n" VIA "\r\n"},
    {GET "Connection: x-a ,, X-C,\t,\r\nX-A: 1\r\nX-B: 2\r\nx-c: 3\r\nX-a: 4\r\n"
         "Connection: X-D\r\nX-D: 5\r\n\r\n",
     GET "X-B: 2\r\n" VIA "\r\n"},
    {GET "Connection: X-A;q=1, \"X-B\", X-\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
     GET "X-A: 1\r\nX-B: 2\r\n" VIA "\r\n"},
    {GET "Connection: Cookie\r\nCookie: a\r\nCookie2: b\r\n\r\n", GET "Cookie2: b\r\n" VIA "\r\n"},
    {GET "Connection:\r\nX-A: 1\r\n\r\n", GET "X-A: 1\r\n" VIA "\r\n"},
    {POST "Connection: content-length\r\nContent-Length: 5\r\n\r\nhello",
     POST "Content-Length: 5\r\n" VIA "\r\nhello"},
    {POST "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n"
          "5\r\nhello\r\n0\r\n\r\n",
     POST "Transfer-Encoding: chunked\r\n" VIA "\r\n5\r\nhello\r\n0\r\n\r\n"},
    {GET "Connection: Host, Via, X-Forwarded-For, Forwarded, X-Forwarded-Proto\r\n"
         "X-Forwarded-For: a\r\nForwarded: for=b\r\nX-Forwarded-Proto: c\r\nVia: 1.0 d\r\n\r\n",
     GET "X-Forwarded-For: a\r\nForwarded: for=b\r\nX-Forwarded-Proto: c\r\nVia: 1.0 d\r\n" VIA
         "\r\n"},
    {POST "Connection: Expect, Idempotency-Key\r\nExpect: 100-continue\r\nIdempotency-Key: k\r\n"
          "Content-Length: 2\r\n\r\nhi",
     POST "Expect: 100-continue\r\nIdempotency-Key: k\r\nContent-Length: 2\r\n" VIA "\r\nhi"},
};

Test(hop_by_hop, in_requests)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        t_scene_request(&scene, requests[i].request, requests[i].forwarded);
        t_scene_answer(&scene, OK "Content-Length: 0\r\n\r\n",
                       OK "Content-Length: 0\r\n" VIA "\r\n");
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

static const struct row answers[] = {
    {OK "Connection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\nContent-Length: 0\r\n\r\n",
     OK "Content-Length: 0\r\n" VIA "\r\n"},
    {OK "Proxy-Connection: close\r\nUpgrade: h2c\r\nProxy-Authenticate: Basic\r\nTE: x\r\n"
        "A: b\r\nContent-Length: 0\r\n\r\n",
     OK "A: b\r\nContent-Length: 0\r\n" VIA "\r\n"},
    {OK "X-A: 1\r\nConnection: x-a, X-B\r\nX-B: 2\r\nX-C: 3\r\nContent-Length: 0\r\n\r\n",
     OK "X-C: 3\r\nContent-Length: 0\r\n" VIA "\r\n"},
    {OK "Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello",
     OK "Content-Length: 5\r\n" VIA "\r\nhello"},
    {OK "Connection: Transfer-Encoding, Via\r\nTransfer-Encoding: chunked\r\nVia: 1.0 x\r\n\r\n"
        "5\r\nhello\r\n0\r\n\r\n",
     OK "Via: 1.0 x\r\nTransfer-Encoding: chunked\r\n" VIA "\r\n5\r\nhello\r\n0\r\n\r\n"},
};

Test(hop_by_hop, in_answers)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        t_scene_request(&scene, GET "\r\n", GET VIA "\r\n");
        t_scene_answer(&scene, answers[i].request, answers[i].forwarded);
    }
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* A server's close is between it and weir, a client's between it and weir. */
Test(hop_by_hop, a_close_stays_on_its_side)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, GET "\r\n", GET VIA "\r\n");
    t_scene_answer(&scene, OK "Connection: close\r\nContent-Length: 0\r\n\r\n",
                   OK "Content-Length: 0\r\n" VIA "\r\n");
    t_expect_any_end(scene.upstream);
    t_scene_drop_upstream(&scene);
    t_scene_request(&scene, GET "Connection: X-A, Close , Content-Length\r\nX-A: b\r\n\r\n",
                    GET VIA "\r\n");
    t_scene_answer(&scene, OK "Content-Length: 2\r\n\r\nok",
                   OK "Content-Length: 2\r\n" VIA CLOSE "\r\nok");
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_scene_works(&scene);
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 2);
    t_weir_end(&scene.weir);
}

/* What stands in interim answers is bound to one connection just the same: see interim_answers.c.
 * What stands in trailers, too: see trailers.c. */
