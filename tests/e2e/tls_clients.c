/* Clients speak TLS 1.2 and 1.3, and all that holds for plaintext holds for them; what ends in
 * order says so, and what is cut short does not. */
#include "support/t.h"
#include "support/t_ask.h"
#include "support/t_tls.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define GET "GET /a HTTP/1.1\r\nHost: site.test\r\n\r\n"

struct scene {
    struct t_origin origin;
    struct t_weir weir;
};

static void init(struct scene *scene, const char *tls, const char *listener)
{
    t_tls_certificate("site", &(struct certificate_wish){.names = "DNS:site.test"});
    t_origin_open(&scene->origin);
    t_weir_start(&scene->weir, T_TLS_CONFIG, tls, listener, scene->origin.port);
}

/* A GET there and back. */
static struct t_conn *exchange(struct scene *scene, struct t_conn *client, struct t_conn *upstream)
{
    t_send(client, GET);
    if (!upstream)
        upstream = t_accept(&scene->origin);
    t_assert_contains(t_read_request(upstream)->head, "X-Forwarded-Proto: https\r\n");
    t_send(upstream, OK);
    struct t_message *answer = t_read_response(client, "GET");
    t_assert_number("status", answer->status, 200);
    t_assert_text(answer->body, "ok");
    return upstream;
}

Test(tls_clients, both_versions_carry_requests_and_connections_are_kept)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct scene scene;
    struct t_conn *upstream = NULL;

    init(&scene, "", "");
    for (size_t i = 0; i < 2; i++) {
        struct t_tls *client = t_tls_connect(
            scene.weir.port, &(struct t_tls_wish){.name = "site.test", .version = versions[i]});
        t_assert_text(client->version, i ? "TLSv1.3" : "TLSv1.2");
        upstream = exchange(&scene, client->conn, upstream);
        upstream = exchange(&scene, client->conn, upstream);
        t_half_close(client->conn);
        t_expect_end(client->conn);
        t_tls_expect_end(client, T_TLS_GOODBYE);
        t_close(client->conn);
    }
    t_stats_await(&scene.weir, "listeners/web/tls/handshakes", 2);
    t_weir_end(&scene.weir);
}

Test(tls_clients, older_versions_and_weak_ciphers_are_refused)
{
    struct scene scene;

    init(&scene, "", "");
    t_tls_expect_refusal(scene.weir.port, &(struct t_tls_wish){.version = TLS1_1_VERSION},
                         "protocol version");
    t_tls_expect_refusal(
        scene.weir.port,
        &(struct t_tls_wish){.version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA"},
        "handshake failure");
    t_stats_await(&scene.weir, "listeners/web/tls/failed", 2);
    t_weir_end(&scene.weir);
}

Test(tls_clients, the_servers_order_of_ciphers_holds)
{
    struct scene scene;

    init(&scene, "", "");
    struct t_tls *client = t_tls_connect(
        scene.weir.port,
        &(struct t_tls_wish){.version = TLS1_2_VERSION,
                             .ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-"
                                        "SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"});
    t_assert_text(client->cipher, "ECDHE-ECDSA-AES128-GCM-SHA256");
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

Test(tls_clients, min_version_and_ciphers_are_as_configured)
{
    struct scene scene;

    init(&scene, "      min_version: 1.3\n", "");
    t_tls_expect_refusal(scene.weir.port, &(struct t_tls_wish){.version = TLS1_2_VERSION},
                         "protocol version");
    t_close(t_tls_connect(scene.weir.port, NULL)->conn);
    t_weir_end(&scene.weir);
    init(&scene, "      ciphers: ECDHE-ECDSA-AES256-GCM-SHA384\n", "");
    struct t_tls *client = t_tls_connect(scene.weir.port,
                                         &(struct t_tls_wish){.version = TLS1_2_VERSION});
    t_assert_text(client->cipher, "ECDHE-ECDSA-AES256-GCM-SHA384");
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

Test(tls_clients, http11_is_chosen_where_a_protocol_is_offered)
{
    struct scene scene;

    init(&scene, "", "");
    struct t_tls *client = t_tls_connect(scene.weir.port,
                                         &(struct t_tls_wish){.protocols = "\2h2\10http/1.1"});
    t_assert_text(client->protocol, "http/1.1");
    t_close(client->conn);
    t_tls_expect_refusal(scene.weir.port, &(struct t_tls_wish){.protocols = "\2h2"},
                         "no application protocol");
    client = t_tls_connect(scene.weir.port, NULL);
    cr_expect_null(client->protocol);
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

Test(tls_clients, pipelined_requests_in_one_record_are_answered_in_turn)
{
    struct scene scene;

    init(&scene, "", "");
    struct t_tls *client = t_tls_connect(scene.weir.port, NULL);
    t_send(client->conn, GET GET GET);
    struct t_conn *upstream = t_accept(&scene.origin);
    for (int i = 0; i < 3; i++) {
        t_read_request(upstream);
        t_send(upstream, OK);
        t_assert_text(t_read_response(client->conn, "GET")->body, "ok");
    }
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

Test(tls_clients, a_client_that_said_goodbye_still_gets_its_answer)
{
    struct scene scene;

    init(&scene, "", "");
    struct t_tls *client = t_tls_connect(scene.weir.port, NULL);
    t_send(client->conn, GET);
    t_half_close(client->conn);
    struct t_conn *upstream = t_accept(&scene.origin);
    t_read_request(upstream);
    t_send(upstream, OK);
    t_assert_text(t_read_response(client->conn, "GET")->body, "ok");
    t_expect_end(client->conn);
    t_tls_expect_end(client, T_TLS_GOODBYE);
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

/* The end of weir's side behind its goodbye. */
static void expect_fin(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    char byte;

    cr_assert_eq(poll(&polled, 1, -1), 1);
    if (recv(fd, &byte, 1, 0) != 0)
        t_fail("should end in order: %s", strerror(errno));
}

/* Unread, it would make a close a reset, which kills what of the answer is still on its way. */
Test(tls_clients, a_goodbye_behind_the_last_request_does_not_reset_the_connection)
{
    struct scene scene;
    uint64_t received, unread = 0;

    init(&scene, "", "");
    struct t_tls *client = t_tls_connect(scene.weir.port, NULL);
    int fd = dup(client->fd); /* its thread closes the other when all is said */
    t_send(client->conn, "GET /a HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n");
    struct t_conn *upstream = t_accept(&scene.origin);
    t_read_request(upstream);
    t_half_close(client->conn);
    for (int64_t deadline_ms = t_deadline_ms(); unread == 0 && t_now_ms() < deadline_ms;)
        cr_assert(t_tcp_peer(fd, &received, &unread));
    t_send(upstream, OK);
    t_assert_text(t_read_response(client->conn, "GET")->body, "ok");
    t_tls_expect_end(client, T_TLS_GOODBYE);
    expect_fin(fd);
    close(fd);
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

enum { BIG = 20 << 20 };

Test(tls_clients, big_bodies_pass_both_ways)
{
    struct scene scene;

    init(&scene, "", "");
    struct t_tls *client = t_tls_connect(scene.weir.port, NULL);
    t_sendf(client->conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", BIG);
    t_send_pattern(client->conn, 1 << 20, 0);
    struct t_conn *upstream = t_accept(&scene.origin);
    t_read_head(upstream);
    t_expect_pattern(upstream, 1 << 19, 0);
    for (uint64_t at = 1 << 20; at < BIG; at += 1 << 20) {
        t_send_pattern(client->conn, 1 << 20, at);
        t_expect_pattern(upstream, 1 << 20, at - (1 << 19));
    }
    t_expect_pattern(upstream, 1 << 19, BIG - (1 << 19));
    t_sendf(upstream, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG);
    t_assert_contains(t_read_head(client->conn), "200 OK");
    for (uint64_t at = 0; at < BIG; at += 1 << 18) {
        t_send_pattern(upstream, 1 << 18, at);
        t_expect_pattern(client->conn, 1 << 18, at);
    }
    exchange(&scene, client->conn, upstream);
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

Test(tls_clients, a_client_that_does_not_read_stops_the_server)
{
    struct scene scene;

    init(&scene, "", "");
    struct t_tls *client = t_tls_connect(scene.weir.port,
                                         &(struct t_tls_wish){.receive_bytes = 4096});
    t_send(client->conn, "GET / HTTP/1.0\r\n\r\n");
    struct t_conn *upstream = t_accept(&scene.origin);
    t_read_request(upstream);
    t_send(upstream, "HTTP/1.1 200 OK\r\n\r\n");
    uint64_t sent = t_send_pattern_until_stuck(&scene.weir, upstream, (uint64_t)3 * BIG);
    cr_expect_lt(sent, (uint64_t)3 * BIG, "all of it was taken");
    t_close(upstream);
    t_assert_contains(t_read_head(client->conn), "200 OK");
    t_expect_pattern(client->conn, sent, 0);
    t_expect_end(client->conn);
    t_tls_expect_end(client, T_TLS_GOODBYE);
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

Test(tls_clients, new_keys_in_the_midst_change_nothing)
{
    struct scene scene;

    init(&scene, "", "");
    struct t_tls *client = t_tls_connect(scene.weir.port,
                                         &(struct t_tls_wish){.version = TLS1_3_VERSION});
    struct t_conn *upstream = NULL;
    for (int i = 0; i < 5; i++) {
        atomic_store(&client->asks_new_keys, true);
        upstream = exchange(&scene, client->conn, upstream);
    }
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

Test(tls_clients, a_body_that_ends_by_closing_ends_with_goodbye)
{
    struct scene scene;

    init(&scene, "", "");
    struct t_tls *client = t_tls_connect(scene.weir.port, NULL);
    t_send(client->conn, "GET / HTTP/1.0\r\n\r\n");
    struct t_conn *upstream = t_accept(&scene.origin);
    t_read_request(upstream);
    t_send(upstream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    t_assert_contains(t_read_to_end(client->conn, NULL), "\r\n\r\nok");
    t_tls_expect_end(client, T_TLS_GOODBYE);
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

Test(tls_clients, a_body_that_was_cut_short_does_not)
{
    struct scene scene;

    init(&scene, "", "");
    struct t_tls *client = t_tls_connect(scene.weir.port, NULL);
    t_send(client->conn, "GET / HTTP/1.0\r\n\r\n");
    struct t_conn *upstream = t_accept(&scene.origin);
    t_read_request(upstream);
    t_send(upstream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
    t_assert_contains(t_read_until(client->conn, "ok"), "200 OK");
    t_close(upstream);
    t_expect_any_end(client->conn);
    t_tls_expect_end(client, T_TLS_RESET);
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

Test(tls_clients, a_request_that_was_cut_is_no_request)
{
    struct scene scene;

    init(&scene, "", "");
    struct t_tls *client = t_tls_connect(scene.weir.port, NULL);
    t_send(client->conn,
           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
    struct t_conn *upstream = t_accept(&scene.origin);
    t_assert_contains(t_read_until(upstream, "ok\r\n"), "POST / ");
    t_tls_cut(client);
    t_assert_lacks(t_read_to_any_end(upstream, NULL), "0\r\n\r\n");
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

Test(tls_clients, who_speaks_http_in_the_clear_is_told)
{
    struct scene scene;

    init(&scene, "", "");
    struct t_conn *client = t_connect(scene.weir.port);
    t_send(client, GET);
    struct t_message *answer = t_read_response(client, "GET");
    t_assert_number("status", answer->status, 400);
    t_assert_contains(answer->body, "this port speaks TLS");
    t_expect_end(client);
    t_close(client);
    t_weir_end(&scene.weir);
}

Test(tls_clients, garbage_ends_a_connection_and_no_other)
{
    static const char *const garbage[] = {
        "\x16\x03\x01\xff\xff garbage garbage", "\x80\x2e\x01\x03\x01 not even SSL 2",
        "SSH-2.0-OpenSSH_9.2\r\n", "\x15\x03\x03\x00\x02\x02\x28"};
    struct scene scene;

    init(&scene, "", "");
    for (size_t i = 0; i < sizeof(garbage) / sizeof(*garbage); i++) {
        struct t_conn *client = t_connect(scene.weir.port);
        t_send_bytes(client, garbage[i], i == 3 ? 7 : strlen(garbage[i]));
        t_half_close(client);
        t_read_to_any_end(client, NULL);
        t_close(client);
    }
    t_stats_await(&scene.weir, "listeners/web/tls/failed", 4);
    struct t_tls *client = t_tls_connect(scene.weir.port, NULL);
    exchange(&scene, client->conn, NULL);
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

Test(tls_clients, a_handshake_may_come_byte_by_byte)
{
    struct scene scene;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

    init(&scene, "", "");
    struct t_conn *raw = t_connect(scene.weir.port);
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    for (int64_t deadline_ms = t_deadline_ms(); SSL_do_handshake(ssl) != 1;) {
        char *data;
        long len = BIO_get_mem_data(out, &data);
        cr_assert_gt(t_left_ms(deadline_ms), 0);
        t_send_in_pieces(raw, data, (size_t)len, 1);
        (void)BIO_reset(out);
        BIO_write(in, t_read_exactly(raw, 1), 1);
    }
    char *data;
    long len = BIO_get_mem_data(out, &data);
    t_send_in_pieces(raw, data, (size_t)len, 1);
    t_stats_await(&scene.weir, "listeners/web/tls/handshakes", 1);
    t_close(raw);
    SSL_free(ssl);
    SSL_CTX_free(context);
    t_weir_end(&scene.weir);
}

Test(tls_clients, a_handshake_that_does_not_end_is_ended)
{
    struct scene scene;

    init(&scene, "", "    timeouts: {header: 200ms}\n");
    struct t_conn *client = t_connect(scene.weir.port);
    t_send_bytes(client, "\x16\x03\x01\x02", 4);
    t_expect_any_end(client);
    t_stats_await(&scene.weir, "listeners/web/tls/failed", 1);
    t_close(client);
    t_weir_end(&scene.weir);
}

Test(tls_clients, the_handshake_and_the_first_head_share_their_time)
{
    struct scene scene;

    init(&scene, "", "    timeouts: {header: 500ms}\n");
    struct t_tls *client = t_tls_connect(scene.weir.port, NULL);
    t_send(client->conn, "GET / HTTP/1.1\r\n");
    t_assert_number("status", t_read_response(client->conn, "GET")->status, 408);
    t_expect_end(client->conn);
    t_tls_expect_end(client, T_TLS_GOODBYE);
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

Test(tls_clients, an_idle_client_is_told_goodbye)
{
    struct scene scene;

    init(&scene, "", "    timeouts: {idle: 100ms}\n");
    struct t_tls *client = t_tls_connect(scene.weir.port, NULL);
    exchange(&scene, client->conn, NULL);
    t_expect_end(client->conn);
    t_tls_expect_end(client, T_TLS_GOODBYE);
    t_close(client->conn);
    t_weir_end(&scene.weir);
}

Test(tls_clients, a_drain_answers_what_is_under_way)
{
    struct scene scene;

    init(&scene, "", "");
    struct t_tls *idle = t_tls_connect(scene.weir.port, NULL);
    struct t_conn *upstream = exchange(&scene, idle->conn, NULL);
    struct t_tls *busy = t_tls_connect(scene.weir.port, NULL);
    struct t_tls *fresh = t_tls_connect(scene.weir.port, NULL);
    t_send(busy->conn, GET);
    t_read_request(upstream);
    t_stats_await(&scene.weir, "listeners/web/tls/handshakes", 3);
    t_weir_signal(&scene.weir, SIGTERM);
    t_weir_await_log(&scene.weir, "draining");
    t_expect_end(idle->conn);
    t_tls_expect_end(idle, T_TLS_GOODBYE);
    /* Its handshake is over: it has a moment for the request that it was made for. */
    t_send(fresh->conn, GET);
    struct t_conn *second = t_accept(&scene.origin);
    t_read_request(second);
    t_send(second, OK);
    t_assert_contains(t_read_response(fresh->conn, "GET")->head, "Connection: close");
    t_send(upstream, OK);
    t_assert_contains(t_read_response(busy->conn, "GET")->head, "Connection: close");
    t_tls_expect_end(busy, T_TLS_GOODBYE);
    t_weir_stop(&scene.weir);
}

Test(tls_clients, renegotiation_is_refused)
{
    struct scene scene;

    init(&scene, "", "");
    const char *argv[] = {"/bin/sh", "-c",
                          t_text("(printf 'R\\n'; sleep 1) | timeout 20 openssl s_client -connect "
                                 "127.0.0.1:%d -tls1_2 2>&1",
                                 scene.weir.port),
                          NULL};
    struct t_run run = t_run(argv);
    t_assert_contains(run.out, "no renegotiation");
    t_weir_end(&scene.weir);
}
