/* A new connection to a server that speaks TLS resumes a session of an earlier one, over all
 * workers, and under no other identity. */
#include "support/t_tls_scene.h"

#include <signal.h>

/* As a server that closes after each answer: each request has a connection of its own. */
static void round_on_a_new_one(struct t_tls_scene *scene)
{
    t_close(t_tls_round(scene, NULL, "/a"));
    t_pool_await(&scene->weir, "connections/idle", 0);
}

static void resume(int version)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    SSL_CTX_set_min_proto_version(scene.tls.context, version);
    SSL_CTX_set_max_proto_version(scene.tls.context, version);
    for (int i = 0; i < 5; i++)
        round_on_a_new_one(&scene);
    t_assert_number("handshakes", scene.tls.handshakes, 5);
    t_assert_number("of these resumed", scene.tls.resumed, 4);
    t_assert_number("handshakes by weir's figures", t_tls_number(&scene, "handshakes"), 5);
    t_assert_number("of these resumed", t_tls_number(&scene, "resumed"), 4);
    t_weir_end(&scene.weir);
}

Test(tls_server_sessions, are_resumed_over_tls_1_2)
{
    resume(TLS1_2_VERSION);
}

Test(tls_server_sessions, are_resumed_over_tls_1_3)
{
    resume(TLS1_3_VERSION);
}

/* weir's own way to end a connection, a reset, spoils no session. */
Test(tls_server_sessions, outlive_connections_that_weir_resets)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, "    connections: {max_requests: 1}\n" T_TLS_TRUST, NULL);
    for (int i = 1; i <= 4; i++) {
        t_expect_reset(t_tls_round(&scene, NULL, "/a"));
        t_pool_await(&scene.weir, "connections/closed/max_requests", i);
    }
    t_assert_number("resumed", scene.tls.resumed, 3);
    t_weir_end(&scene.weir);
}

/* A ticket of TLS 1.3 is used once: of two connections at a time one has none left. */
Test(tls_server_sessions, of_tls_1_3_are_used_once)
{
    struct t_tls_scene scene;
    struct t_conn *clients[2], *upstreams[2];
    t_tls_scene_open(&scene, 1, NULL, NULL);
    SSL_CTX_set_num_tickets(scene.tls.context, 1);
    round_on_a_new_one(&scene);
    SSL_CTX_set_num_tickets(scene.tls.context, 0);
    for (int i = 0; i < 2; i++) {
        clients[i] = t_ask(&scene.weir, "GET", "/a", NULL);
        upstreams[i] = t_tls_accept(&scene.origin, &scene.tls);
        t_read_request(upstreams[i]);
    }
    for (int i = 0; i < 2; i++) {
        t_answer(upstreams[i], "a");
        t_await_answer(clients[i], "GET", 200);
    }
    t_assert_number("resumed", scene.tls.resumed, 1);
    t_weir_end(&scene.weir);
}

Test(tls_server_sessions, that_the_server_has_forgotten_cost_a_handshake_in_full)
{
    struct t_tls_scene scene;
    struct t_tls other;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    round_on_a_new_one(&scene);
    t_tls_open(&other, "other", NULL);
    scene.tls.context = other.context;
    round_on_a_new_one(&scene);
    round_on_a_new_one(&scene);
    t_assert_number("handshakes", scene.tls.handshakes, 3);
    t_assert_number("resumed", scene.tls.resumed, 1);
    t_weir_end(&scene.weir);
}

/* Its certificate would have to be shown again to be checked under another name. */
Test(tls_server_sessions, are_not_resumed_under_another_name)
{
    struct t_tls_scene scene;
    struct t_shape shape = {.workers = 1};
    t_tls_scene_open(&scene, 1, NULL, NULL);
    round_on_a_new_one(&scene);
    shape.port = scene.origin.port;
    shape.pool = "    tls: {ca_file: ca.pem, server_name: origin.test}\n";
    t_weir_reshape(&scene.weir, &shape);
    t_weir_signal(&scene.weir, SIGHUP);
    t_stats_await(&scene.weir, "weir/generation", 2);
    t_tls_round(&scene, NULL, "/b");
    t_assert_number("resumed", scene.tls.resumed, 0);
    t_weir_end(&scene.weir);
}
