/* A connection is chosen only once the head is complete and a first part of the body is here. */
#include "support/t_scene.h"

Test(late_choice, not_before_the_body)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);

    struct t_conn *slow = t_connect(scene.weir.port);
    t_send(slow, "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n");
    t_stats_await(&scene.weir, "pools/legacy/requests/active", 1);
    t_stats_assert(&scene.weir, "pools/legacy/connections/opened", 0);

    /* Another request gets there first. */
    t_scene_works(&scene);

    t_send(slow, "a");
    t_expect(scene.upstream,
             "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nVia: 1.1 weir\r\n\r\na");
    t_send(slow, "b");
    t_expect(scene.upstream, "b");
    t_send(scene.upstream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    t_assert_contains(t_read_head(slow), "HTTP/1.1 200 OK\r\n");
    t_expect(slow, "ok");
    t_stats_assert(&scene.weir, "pools/legacy/connections/opened", 1);
    t_weir_end(&scene.weir);
}

/* A client that waits to be asked for its body would wait for ever. */
Test(late_choice, at_once_for_100_continue)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);

    struct t_conn *client = t_connect(scene.weir.port);
    t_send(client,
           "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    struct t_conn *upstream = t_accept(&scene.origin);
    t_assert_contains(t_read_head(upstream), "Expect: 100-continue\r\n");
    t_send(upstream, "HTTP/1.1 100 Continue\r\n\r\n");
    t_assert_contains(t_read_head(client), "HTTP/1.1 100 Continue\r\n");
    t_send(client, "ab");
    t_expect(upstream, "ab");
    t_send(upstream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    t_assert_contains(t_read_head(client), "HTTP/1.1 200 OK\r\n");
    t_weir_end(&scene.weir);
}

Test(late_choice, a_body_that_never_comes)
{
    struct t_scene scene;
    t_scene_open(&scene, "    timeouts: {body: 50ms}\n", NULL);

    struct t_conn *client = t_connect(scene.weir.port);
    t_send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n");
    t_assert_contains(t_read_head(client), "HTTP/1.1 408 ");
    t_stats_assert(&scene.weir, "pools/legacy/connections/opened", 0);

    client = t_connect(scene.weir.port);
    t_send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n");
    t_half_close(client);
    t_assert_contains(t_read_head(client), "HTTP/1.1 400 ");
    t_weir_end(&scene.weir);
}

/* A client that streams may want to see the answer's head before it sends anything. */
Test(late_choice, not_for_ever)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);

    struct t_conn *client = t_connect(scene.weir.port);
    t_send(client, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    struct t_conn *upstream = t_accept(&scene.origin);
    t_assert_contains(t_read_head(upstream), "POST / HTTP/1.1\r\n");
    t_send(upstream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    t_assert_contains(t_read_head(client), "HTTP/1.1 200 OK\r\n");
    t_send(client, "1\r\na\r\n");
    t_expect(upstream, "1\r\na\r\n");
    t_send(upstream, "ok");
    t_expect(client, "ok");
    t_weir_end(&scene.weir);
}
