/* A tunnel needs both sides' word: a request that asked for it, and a 101 that names what was asked
 * for. All else stays HTTP, and no byte is taken for what it is not. */
#include "support/t_ask.h"
#include "support/t_tunnel.h"

#define GET T_UPGRADE_HEAD
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
#define POST "POST /chat HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
#define NEXT "GET /next HTTP/1.1\r\nHost: h\r\n"

static struct t_scene scene;

/* Which requests ask a server for an upgrade, and how they reach it. */
static const struct {
    const char *request, *forwarded;
} requests[] = {
    {T_UPGRADE, T_UPGRADE_FORWARDED},
    {GET "upgrade: a/1\r\nX-A: 1\r\nCONNECTION: x-a, Upgrade\r\nUpgrade: B ,, c\r\n\r\n",
     GET T_SWITCH_TO("a/1, B, c") T_VIA "\r\n"},
    {GET T_SWITCH_TO("h2c, websocket") "HTTP2-Settings: AAMA\r\n\r\n", T_UPGRADE_FORWARDED},
    {GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
     GET T_VIA "\r\n"},
    {GET T_SWITCH_TO("H2C, HTTP/2.0, h2, tls/1.0") "\r\n", GET T_VIA "\r\n"},
    {GET "Upgrade: websocket\r\n\r\n", GET T_VIA "\r\n"},
    {GET "Connection: upgrade\r\n\r\n", GET T_VIA "\r\n"},
    {GET "Connection: keep-alive\r\nUpgrade: websocket\r\n\r\n", GET T_VIA "\r\n"},
    {GET T_SWITCH_TO("two words") "\r\n", GET T_VIA "\r\n"},
    {POST T_SWITCH_TO("tcp") "\r\nhello", POST T_SWITCH_TO("tcp") T_VIA "\r\nhello"},
};

/* Whatever was asked, an answer is an answer, and both connections go on. */
Test(tunnel_agreed, by_requests_that_ask)
{
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        t_scene_request(&scene, requests[i].request, requests[i].forwarded);
        t_scene_answer(&scene, OK "Connection: upgrade\r\nUpgrade: websocket\r\n\r\nno",
                       OK T_VIA "\r\nno");
    }
    t_scene_works(&scene);
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);
    t_stats_assert(&scene.weir, "listeners/web/tunnels/total", 0);
    t_weir_end(&scene.weir);
}

/* HTTP/1.0 has no Upgrade. */
Test(tunnel_agreed, not_with_http10)
{
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene,
                    "GET /chat HTTP/1.0\r\nHost: h\r\nConnection: upgrade, keep-alive\r\n"
                    "Upgrade: websocket\r\n\r\n",
                    GET "Via: 1.0 weir\r\n\r\n");
    t_scene_answer(&scene, OK "\r\nno", OK T_VIA "Connection: keep-alive\r\n\r\nno");
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* The client gets 502, the server's connection is over, and what came behind the 101 is nobody's.
 */
static void expect_refused(const char *request, const char *forwarded, const char *answer)
{
    static const char poison[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

    t_scene_request(&scene, request, forwarded);
    t_send(scene.upstream, answer);
    /* Weir may have closed already. */
    (void)t_try_send(scene.upstream, poison, sizeof(poison) - 1);
    struct t_message *got = t_read_response(scene.client, "GET");
    t_assert_number("status", got->status, 502);
    t_assert_contains(got->body, "not valid HTTP");
    t_expect_any_end(scene.upstream);
    t_scene_drop_upstream(&scene);
}

Test(tunnel_agreed, not_without_a_request_for_it)
{
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 3; i < 9; i++) {
        expect_refused(requests[i].request, requests[i].forwarded, T_SWITCHED);
        t_scene_works(&scene);
    }
    expect_refused(NEXT "\r\n", NEXT T_VIA "\r\n", T_SWITCHED);
    t_scene_works(&scene);
    t_stats_assert(&scene.weir, "listeners/web/tunnels/total", 0);
    t_stats_assert(&scene.weir, "listeners/web/requests/1xx", 0);
    t_weir_end(&scene.weir);
}

static const char *const wrong_answers[] = {
    T_101 "\r\n",
    T_101 "Connection: upgrade\r\n\r\n",
    T_101 "Upgrade: websocket\r\n\r\n",
    T_101 T_SWITCH_TO("other") "\r\n",
    T_101 T_SWITCH_TO("h2c") "\r\n",
    T_101 T_SWITCH_TO("websocket, other") "\r\n",
    T_101 T_SWITCH_TO("websocket") "Content-Length: 5\r\n\r\n",
    T_101 T_SWITCH_TO("websocket") "Transfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.0 101 Switching Protocols\r\n" T_SWITCH_TO("websocket") "\r\n",
    T_101 "Connection: upgrade\nUpgrade: websocket\r\n\r\n",
};

Test(tunnel_agreed, not_by_a_wrong_answer)
{
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(wrong_answers) / sizeof(wrong_answers[0]); i++) {
        expect_refused(T_UPGRADE, T_UPGRADE_FORWARDED, wrong_answers[i]);
        t_scene_works(&scene);
    }
    t_weir_end(&scene.weir);
}

/* Bytes behind a request that did not become a tunnel are the next request, and nothing else. */
Test(tunnel_agreed, bytes_behind_a_refusal_are_the_next_request)
{
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, T_UPGRADE NEXT "\r\n", T_UPGRADE_FORWARDED);
    t_scene_answer(&scene, OK "\r\nno", OK T_VIA "\r\nno");
    t_expect(scene.upstream, NEXT T_VIA "\r\n");
    t_scene_answer(&scene, OK "\r\nok", OK T_VIA "\r\nok");

    t_scene_request(&scene, T_UPGRADE "\x81\x05hello", T_UPGRADE_FORWARDED);
    t_scene_answer(&scene, OK "\r\nno", OK T_VIA "\r\nno");
    struct t_message *got = t_read_response(scene.client, "GET");
    t_assert_number("status", got->status, 400);
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_scene_works(&scene);
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);
    t_weir_end(&scene.weir);
}

/* The same behind an answer that is not valid: the client has been told of no tunnel. */
Test(tunnel_agreed, bytes_behind_a_502_are_the_next_request)
{
    t_scene_open(&scene, NULL, NULL);
    expect_refused(T_UPGRADE NEXT "\r\n", T_UPGRADE_FORWARDED, wrong_answers[3]);
    scene.upstream = t_accept(&scene.origin);
    t_expect(scene.upstream, NEXT T_VIA "\r\n");
    t_scene_answer(&scene, OK "\r\nok", OK T_VIA "\r\nok");
    t_scene_works(&scene);
    t_weir_end(&scene.weir);
}

/* A body comes first; bytes behind it are the tunnel's. */
Test(tunnel_agreed, behind_a_body)
{
    static const char *const bodies[][2] = {
        {"Content-Length: 5\r\n", "hello"},
        {"Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"}};
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        const char *head = t_text("POST / HTTP/1.1\r\nHost: h\r\n%s", bodies[i][0]);
        t_scene_request(
            &scene, t_text("%s" T_SWITCH_TO("websocket") "\r\n%s%s", head, bodies[i][1], "first"),
            t_text("%s" T_SWITCH_TO("websocket") T_VIA "\r\n%s", head, bodies[i][1]));
        t_scene_answer(&scene, T_SWITCHED, T_SWITCHED_FORWARDED);
        t_expect(scene.upstream, "first");
        t_tunnel_up(&scene, "second");
        t_tunnel_down(&scene, "answer");
        t_scene_drop_client(&scene);
        t_expect_end(scene.upstream);
        t_scene_drop_upstream(&scene);
    }
    t_weir_end(&scene.weir);
}

/* A server that switches in the midst of a body has not heard the request. */
Test(tunnel_agreed, not_before_the_body_is_complete)
{
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, POST T_SWITCH_TO("websocket") "\r\nhel",
                    POST T_SWITCH_TO("websocket") T_VIA "\r\nhel");
    t_send(scene.upstream, T_SWITCHED);
    struct t_message *got = t_read_response(scene.client, "POST");
    t_assert_number("status", got->status, 502);
    t_expect_end(scene.client);
    t_expect_any_end(scene.upstream);
    t_weir_end(&scene.weir);
}

/* 100 and others may come before it. */
Test(tunnel_agreed, behind_interim_answers)
{
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, POST T_SWITCH_TO("websocket") "Expect: 100-continue\r\n\r\n",
                    "POST /chat HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                    "Content-Length: 5\r\n" T_SWITCH_TO("websocket") T_VIA "\r\n");
    t_scene_answer(&scene, "HTTP/1.1 100 Continue\r\n\r\n",
                   "HTTP/1.1 100 Continue\r\n" T_VIA "\r\n");
    t_tunnel_up(&scene, "hello");
    t_scene_answer(&scene, "HTTP/1.1 103 Hint\r\n\r\n" T_SWITCHED "x",
                   "HTTP/1.1 103 Hint\r\n" T_VIA "\r\n" T_SWITCHED_FORWARDED "x");
    t_tunnel_up(&scene, "a");
    t_tunnel_down(&scene, "b");
    t_reset(scene.client);
    t_expect_reset(scene.upstream);
    t_weir_end(&scene.weir);
}

Test(tunnel_agreed, connect_is_refused)
{
    t_scene_open(&scene, NULL, NULL);
    scene.client = t_connect(scene.weir.port);
    t_send(scene.client, "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n" NEXT "\r\n");
    struct t_message *got = t_read_response(scene.client, "GET");
    t_assert_number("status", got->status, 501);
    t_assert_contains(got->body, "CONNECT");
    t_expect_end(scene.client);
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 0);
    t_weir_end(&scene.weir);
}

/* Before the 101 it is a request like any other: sent again where that is right. */
Test(tunnel_agreed, after_another_attempt)
{
    t_origin_open(&scene.origin);
    t_weir_start_shape(&scene.weir, &(struct t_shape){.port = scene.origin.port,
                                                      .listener = "    forwarded: off\n"});
    t_scene_request(&scene, T_UPGRADE "early", T_UPGRADE_FORWARDED);
    t_reset(scene.upstream);
    scene.upstream = t_accept(&scene.origin);
    t_expect(scene.upstream, T_UPGRADE_FORWARDED);
    t_scene_answer(&scene, T_SWITCHED, T_SWITCHED_FORWARDED);
    t_expect(scene.upstream, "early");
    t_tunnel_up(&scene, "a");
    t_pool_assert(&scene.weir, "requests/retried", 1);
    t_pool_assert(&scene.weir, "tunnels/total", 1);
    t_reset(scene.client);
    t_expect_reset(scene.upstream);
    t_weir_end(&scene.weir);
}
