/* Connections to servers that speak TLS are kept and reused as plain ones are, whatever TLS does on
 * them meanwhile. */
#include "support/t_tls_scene.h"

#include <string.h>

static void limit_versions(struct t_tls *tls, int least, int most)
{
    SSL_CTX_set_min_proto_version(tls->context, least);
    SSL_CTX_set_max_proto_version(tls->context, most);
}

static void reuse(int version)
{
    struct t_tls_scene scene;
    struct t_conn *upstream = NULL;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    limit_versions(&scene.tls, version, version);
    for (int i = 0; i < 5; i++) {
        upstream = t_tls_round(&scene, upstream, t_text("/%d", i));
        t_pool_await(&scene.weir, "connections/idle", 1);
    }
    t_assert_number("connections", t_origin_connections(&scene.origin), 1);
    t_assert_number("version", SSL_version(t_tls_of(upstream)), version);
    t_pool_assert(&scene.weir, "connections/reused", 4);
    t_assert_number("handshakes", t_tls_number(&scene, "handshakes"), 1);
    t_weir_end(&scene.weir);
}

Test(tls_server_reuse, of_tls_1_2)
{
    reuse(TLS1_2_VERSION);
}

Test(tls_server_reuse, of_tls_1_3)
{
    reuse(TLS1_3_VERSION);
}

Test(tls_server_reuse, http11_is_agreed_on_and_no_address_is_named)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    struct t_conn *upstream = t_tls_round(&scene, NULL, "/a");
    t_assert_number("connections that named a host", scene.tls.with_sni, 0);
    t_assert_number("version", SSL_version(t_tls_of(upstream)), TLS1_3_VERSION);
    t_weir_end(&scene.weir);
}

/* Tickets and new keys come in records of their own while nobody reads. */
Test(tls_server_reuse, a_ticket_on_an_idle_connection_ends_nothing)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    struct t_conn *upstream = t_tls_round(&scene, NULL, "/a");
    t_pool_await(&scene.weir, "connections/idle", 1);
    for (int i = 0; i < 3; i++) {
        SSL_new_session_ticket(t_tls_of(upstream));
        SSL_do_handshake(t_tls_of(upstream));
        t_await_read_by_peer(upstream);
    }
    t_tls_round(&scene, upstream, "/b");
    t_assert_number("connections", t_origin_connections(&scene.origin), 1);
    t_weir_end(&scene.weir);
}

Test(tls_server_reuse, a_new_key_on_an_idle_connection_ends_nothing)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    struct t_conn *upstream = t_tls_round(&scene, NULL, "/a");
    t_pool_await(&scene.weir, "connections/idle", 1);
    SSL_key_update(t_tls_of(upstream), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(t_tls_of(upstream));
    t_await_read_by_peer(upstream);
    t_tls_round(&scene, upstream, "/b");
    t_tls_round(&scene, upstream, "/c");
    t_assert_number("connections", t_origin_connections(&scene.origin), 1);
    t_weir_end(&scene.weir);
}

Test(tls_server_reuse, an_idle_connection_that_the_server_ends_is_noticed)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    struct t_conn *upstream = t_tls_round(&scene, NULL, "/a");
    t_pool_await(&scene.weir, "connections/idle", 1);
    t_close(upstream);
    t_pool_await(&scene.weir, "connections/closed/by_server_idle", 1);
    upstream = t_tls_round(&scene, NULL, "/b");
    t_pool_await(&scene.weir, "connections/idle", 1);
    t_tls_break_off(upstream);
    t_pool_await(&scene.weir, "connections/closed/by_server_idle", 2);
    t_weir_end(&scene.weir);
}

Test(tls_server_reuse, not_after_bytes_that_nobody_asked_for)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    struct t_conn *client = t_ask(&scene.weir, "GET", "/a", NULL);
    struct t_conn *upstream = t_tls_accept(&scene.origin, &scene.tls);
    t_read_request(upstream);
    /* Two records that arrive together: an answer, and another one. */
    t_weir_freeze(&scene.weir);
    t_answer(upstream, "mine");
    t_answer(upstream, "forged");
    t_weir_thaw(&scene.weir);
    t_assert_text(t_await_answer(client, "GET", 200)->body, "mine");
    t_pool_assert(&scene.weir, "connections/closed/poisoned", 1);
    t_tls_round(&scene, NULL, "/b");
    t_weir_end(&scene.weir);
}

/* The next request comes before any event can tell of what came behind the answer. */
Test(tls_server_reuse, not_by_a_request_of_the_same_moment_either)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    struct t_conn *first = t_ask(&scene.weir, "GET", "/a", NULL);
    struct t_conn *upstream = t_tls_accept(&scene.origin, &scene.tls);
    t_read_request(upstream);
    t_weir_freeze(&scene.weir);
    t_answer(upstream, "mine");
    t_answer(upstream, "forged");
    struct t_conn *second = t_ask(&scene.weir, "GET", "/b", NULL);
    t_weir_thaw(&scene.weir);
    t_assert_text(t_await_answer(first, "GET", 200)->body, "mine");
    t_serve(t_tls_accept(&scene.origin, &scene.tls), "/b");
    t_assert_text(t_await_answer(second, "GET", 200)->body, "/b");
    t_pool_assert(&scene.weir, "connections/closed/poisoned", 1);
    t_weir_end(&scene.weir);
}

/* A worker with all that it needs at once must look again only where there is something. */
Test(tls_server_reuse, answers_in_many_small_records)
{
    struct t_tls_scene scene;
    char body[300];
    t_tls_scene_open(&scene, 1, NULL, NULL);
    memset(body, 'x', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    struct t_conn *client = t_ask(&scene.weir, "GET", "/a", NULL);
    struct t_conn *upstream = t_tls_accept(&scene.origin, &scene.tls);
    t_read_request(upstream);
    char *answer = t_text("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    for (size_t i = 0; i < strlen(answer); i++)
        t_send_bytes(upstream, answer + i, 1);
    t_assert_text(t_await_answer(client, "GET", 200)->body, body);
    t_tls_round(&scene, upstream, "/b");
    t_weir_end(&scene.weir);
}

static void large(int version)
{
    enum { BYTES = 20 << 20 };
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    limit_versions(&scene.tls, version, version);
    struct t_conn *client = t_connect(scene.weir.port);
    t_sendf(client, "POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", BYTES);
    struct t_conn *upstream = t_tls_accept(&scene.origin, &scene.tls);
    t_read_head(upstream);
    for (int i = 0; i < 20; i++) {
        t_send_pattern(client, 1 << 20, (uint64_t)i << 20);
        t_expect_pattern(upstream, 1 << 20, (uint64_t)i << 20);
    }
    t_sendf(upstream, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BYTES);
    t_read_head(client);
    for (int i = 0; i < 20; i++) {
        t_send_pattern(upstream, 1 << 20, (uint64_t)i << 20);
        t_expect_pattern(client, 1 << 20, (uint64_t)i << 20);
    }
    t_close(client);
    t_pool_await(&scene.weir, "connections/idle", 1);
    t_tls_round(&scene, upstream, "/b");
    t_weir_end(&scene.weir);
}

Test(tls_server_reuse, large_bodies_both_ways_over_tls_1_2)
{
    large(TLS1_2_VERSION);
}

Test(tls_server_reuse, large_bodies_both_ways_over_tls_1_3)
{
    large(TLS1_3_VERSION);
}

/* A server that takes nothing stops the client, and goes on where it was. */
Test(tls_server_reuse, a_full_server_stops_the_client)
{
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    enum { BYTES = 64 << 20 };
    struct t_conn *client = t_connect(scene.weir.port);
    t_sendf(client, "POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", BYTES);
    struct t_conn *upstream = t_tls_accept(&scene.origin, &scene.tls);
    t_read_head(upstream);
    uint64_t sent = t_send_pattern_until_stuck(&scene.weir, client, BYTES);
    cr_assert_lt(sent, BYTES);
    t_expect_pattern(upstream, sent / 2, 0);
    t_reset(client);
    t_read_to_any_end(upstream, NULL);
    t_weir_end(&scene.weir);
}
