/* A client's connection lives on as its version and Connection say, and as the limits allow. */
#include "support/t_scene.h"

#include <string.h>

#define VIA "Via: 1.1 weir\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"

struct row {
    int minor;
    const char *fields;
    bool keeps;
};

static const struct row rows[] = {
    {1, "", true},
    {1, "Connection: keep-alive\r\n", true},
    {1, "Connection: X-A\r\n", true},
    {1, "Connection:\r\n", true},
    {1, "Connection: closed\r\n", true},
    {1, "Connection: \"close\"\r\n", true},
    {1, "Connection: close\r\n", false},
    {1, "connection:CLOSE\r\n", false},
    {1, "Connection: keep-alive, close\r\n", false},
    {1, "Connection: close, keep-alive\r\n", false},
    {1, "Connection: X-A,close ,X-B\r\n", false},
    {1, "Connection: keep-alive\r\nConnection: close\r\n", false},
    {1, "Proxy-Connection: close\r\n", true},
    {1, "Keep-Alive: timeout=0\r\n", true},
    {2, "", true},
    {9, "Connection: close\r\n", false},
    {0, "", false},
    {0, "Connection: keep-alive\r\n", true},
    {0, "connection: Keep-Alive\r\n", true},
    {0, "Connection: X-A, keep-alive\r\n", true},
    {0, "Connection: keep-alive, close\r\n", false},
    {0, "Connection: close\r\n", false},
    {0, "Connection: keepalive\r\n", false},
    {0, "Keep-Alive: timeout=5\r\n", false},
    {0, "Proxy-Connection: keep-alive\r\n", false},
};

Test(client_keep_alive, by_version_and_field)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        const char *said = !row->keeps       ? "Connection: close\r\n"
                           : row->minor == 0 ? "Connection: keep-alive\r\n"
                                             : "";
        t_scene_request(&scene,
                        t_text("GET / HTTP/1.%d\r\nHost: h\r\n%s\r\n", row->minor, row->fields),
                        t_text("GET / HTTP/1.1\r\nHost: h\r\nVia: 1.%d weir\r\n\r\n", row->minor));
        t_scene_answer(&scene, OK "\r\nok", t_text(OK VIA "%s\r\nok", said));
        if (!row->keeps) {
            t_expect_end(scene.client);
            t_scene_drop_client(&scene);
        }
        t_scene_works(&scene);
    }
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);
    t_weir_end(&scene.weir);
}

/* The last one is told so, and what is behind it in the pipeline is not answered. */
Test(client_keep_alive, for_requests_per_connection)
{
    struct t_scene scene;
    t_scene_open(&scene, "    limits: {requests_per_connection: 3}\n", NULL);
    for (int round = 0; round < 2; round++) {
        scene.client = t_connect(scene.weir.port);
        for (int i = 0; i < 5; i++)
            t_sendf(scene.client, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i);
        for (int i = 0; i < 3; i++) {
            t_scene_request(&scene, "", t_text("GET /%d HTTP/1.1\r\nHost: h\r\n" VIA "\r\n", i));
            t_scene_answer(&scene, OK "\r\nok",
                           t_text(OK VIA "%s\r\nok", i == 2 ? "Connection: close\r\n" : ""));
        }
        t_expect_end(scene.client);
        t_scene_drop_client(&scene);
    }
    t_stats_assert(&scene.weir, "listeners/web/requests/total", 6);
    t_weir_end(&scene.weir);
}

/* Those that weir answers itself count as well. */
Test(client_keep_alive, for_requests_that_weir_answers)
{
    struct t_weir weir;
    t_weir_start(&weir,
                 T_WEIR_HEAD "listeners:\n"
                             "  web:\n"
                             "    listen: [\"127.0.0.1:@port@\"]\n"
                             "    pool: null\n"
                             "    limits: {requests_per_connection: 2}\n"
                             "pools:\n"
                             "  unused: {servers: [{address: \"127.0.0.1:%d\"}]}\n",
                 t_free_port());
    struct t_conn *client = t_connect(weir.port);
    cr_assert_null(t_field(t_get(client, "/"), "Connection"));
    t_assert_text(t_field(t_get(client, "/"), "Connection"), "close");
    t_expect_end(client);
    t_weir_end(&weir);
}

/* An idle client is let go after its time, without a word. */
Test(client_keep_alive, ends_when_idle)
{
    struct t_scene scene;
    t_scene_open(&scene, "    timeouts: {idle: 100ms}\n", NULL);
    t_scene_works(&scene);
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_scene_works(&scene);
    t_stats_await(&scene.weir, "listeners/web/connections/active", 0);
    t_weir_end(&scene.weir);
}

/* But not while it has asked for something: the time is for between requests. Both come at once, so
 * that the second is asked for in time on any machine. */
Test(client_keep_alive, does_not_end_within_a_request)
{
    struct t_scene scene;
    t_scene_open(&scene, "    timeouts: {idle: 100ms}\n", NULL);
    t_scene_request(&scene, "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: h\r\n" VIA "\r\n");
    for (int i = 0; i < 2; i++) {
        /* Another client's idle time begins later and ends meanwhile. */
        struct t_conn *other = t_connect(scene.weir.port);
        t_send(other, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
        struct t_conn *upstream = t_accept(&scene.origin);
        t_expect(upstream, "GET /b HTTP/1.1\r\nHost: h\r\n" VIA "\r\n");
        t_send(upstream, OK "Connection: close\r\n\r\nok");
        t_expect(other, OK VIA "\r\nok");
        t_expect_end(other);
        t_scene_answer(&scene, OK "\r\nok", OK VIA "\r\nok");
        if (i == 0)
            t_expect(scene.upstream, "GET / HTTP/1.1\r\nHost: h\r\n" VIA "\r\n");
    }
    t_weir_end(&scene.weir);
}
