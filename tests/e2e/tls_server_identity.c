/* A connection made under one TLS identity serves no other: a reload that changes it replaces them,
 * one that leaves it alone keeps them warm, and no two pools share. */
#include "support/t_tls_scene.h"

#include <signal.h>

static void reload(struct t_tls_scene *scene, int generation, const char *pool)
{
    t_weir_reshape(&scene->weir,
                   &(struct t_shape){.workers = 1, .port = scene->origin.port, .pool = pool});
    t_weir_signal(&scene->weir, SIGHUP);
    t_stats_await(&scene->weir, "weir/generation", generation);
}

/* The reload to POOL, or of the same file when null, replaces the idle connection. */
static void expect_replaced(struct t_tls_scene *scene, const char *pool)
{
    struct t_conn *upstream = t_tls_round(scene, NULL, "/before");
    t_pool_await(&scene->weir, "connections/idle", 1);
    reload(scene, 2, pool ? pool : T_TLS_TRUST);
    t_expect_any_end(upstream);
    t_tls_round(scene, NULL, "/after");
    t_weir_end(&scene->weir);
}

Test(tls_server_identity, what_is_the_same_stays_warm)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    struct t_conn *upstream = t_tls_round(&scene, NULL, "/before");
    /* The same certificates, in another file and with another setting beside it. */
    t_ca_write();
    reload(&scene, 2, "    timeouts: {response: 9s}\n" T_TLS_TRUST);
    t_tls_round(&scene, upstream, "/after");
    t_assert_number("connections", t_origin_connections(&scene.origin), 1);
    t_weir_end(&scene.weir);
}

Test(tls_server_identity, another_server_name)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    expect_replaced(&scene, "    tls: {ca_file: ca.pem, server_name: origin.test}\n");
}

Test(tls_server_identity, verification_switched_on)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, "    tls: {verify: false}\n", NULL);
    expect_replaced(&scene, NULL);
}

Test(tls_server_identity, other_certificates_to_trust)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    expect_replaced(&scene, "    tls: {ca_file: origin.pem}\n");
}

Test(tls_server_identity, a_changed_file_of_the_same_name)
{
    struct t_tls_scene scene;
    const char *pool = "    tls: {ca_file: ca.pem, certificate: own.pem, key: own.key}\n";
    t_certificate_write("own", NULL);
    t_tls_scene_open(&scene, 1, pool, NULL);
    struct t_conn *upstream = t_tls_round(&scene, NULL, "/before");
    t_certificate_write("own", NULL);
    reload(&scene, 2, pool);
    t_expect_any_end(upstream);
    t_tls_round(&scene, NULL, "/after");
    t_weir_end(&scene.weir);
}

Test(tls_server_identity, plain_from_now_on)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    struct t_conn *upstream = t_tls_round(&scene, NULL, "/before");
    reload(&scene, 2, "    balance: round_robin\n");
    t_expect_any_end(upstream);
    t_round(&scene.weir, &scene.origin, NULL, "/after");
    t_weir_end(&scene.weir);
}

Test(tls_server_identity, a_bad_file_leaves_all_as_it_was)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    struct t_conn *upstream = t_tls_round(&scene, NULL, "/before");
    t_write_file("ca.pem", "nothing of use\n");
    t_weir_signal(&scene.weir, SIGHUP);
    t_weir_await_log(&scene.weir, "ca.pem` holds no certificate");
    t_stats_assert(&scene.weir, "weir/generation", 1);
    t_tls_round(&scene, upstream, "/after");
    t_weir_end(&scene.weir);
}

/* What an operator said of the address holds on. */
Test(tls_server_identity, a_server_that_was_taken_out_stays_out)
{
    struct t_tls_scene scene;
    struct t_shape shape = {.workers = 1, .pool = T_TLS_TRUST, .token = true};
    t_ca_write();
    t_origin_open(&scene.origin);
    t_tls_open(&scene.tls, "origin", NULL);
    shape.port = scene.origin.port;
    t_weir_start_shape(&scene.weir, &shape);
    t_order(&scene.weir, t_text("/pools/legacy/servers/127.0.0.1:%d/down", scene.origin.port), 200);
    shape.pool = "    tls: {ca_file: ca.pem, server_name: origin.test}\n";
    t_weir_reshape(&scene.weir, &shape);
    t_weir_signal(&scene.weir, SIGHUP);
    t_stats_await(&scene.weir, "weir/generation", 2);
    t_assert_text(t_server_text(&scene, "admin_state"), "down");
    t_await_answer(t_ask(&scene.weir, "GET", "/", NULL), "GET", 503);
    t_weir_end(&scene.weir);
}

Test(tls_server_identity, two_pools_never_share)
{
    struct t_tls_scene scene;
    t_ca_write();
    t_origin_open(&scene.origin);
    t_tls_open(&scene.tls, "origin", NULL);
    t_weir_start(&scene.weir,
                 "workers: 1\n"
                 "admin: {listen: \"127.0.0.1:@admin@\"}\n"
                 "listeners:\n"
                 "  web:\n"
                 "    listen: [\"127.0.0.1:@port@\"]\n"
                 "    pool: legacy\n"
                 "    routes: [{path: /other, pool: other}]\n"
                 "pools:\n"
                 "  legacy:\n"
                 "    servers: [{address: \"127.0.0.1:%d\"}]\n" T_TLS_TRUST "  other:\n"
                 "    servers: [{address: \"127.0.0.1:%d\"}]\n" T_TLS_TRUST,
                 scene.origin.port, scene.origin.port);
    struct t_conn *first = t_tls_round(&scene, NULL, "/one");
    struct t_conn *second = t_tls_round(&scene, NULL, "/other");
    t_tls_round(&scene, first, "/one");
    t_tls_round(&scene, second, "/other");
    t_assert_number("connections", t_origin_connections(&scene.origin), 2);
    t_assert_number("resumed", scene.tls.resumed, 0);
    t_weir_end(&scene.weir);
}
