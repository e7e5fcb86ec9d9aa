/* A server with `send_proxy` is told of the client before all else, and no other client's request
 * ever comes on that connection. */
#include "support/t_health.h"

#include <signal.h>
#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"
#define BYTES(text) text, sizeof(text) - 1

static struct t_origin origin;
static struct t_weir weir;

static void start_with(const char *pool, const char *listener, int workers)
{
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir, &(struct t_shape){
                   .workers = workers, .port = origin.port, .listener = listener, .pool = pool});
}

static void start(const char *connections)
{
    start_with(t_text("    connections: {%s}\n", connections), NULL, 1);
}

/* The header of version 1 for a client of the test. */
static const char *v1_of(struct t_conn *client)
{
    return t_text("PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n", t_conn_port(client), weir.port);
}

static struct t_conn *ask(struct t_conn *client, const char *target)
{
    t_sendf(client, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
    return client;
}

static void finish(struct t_conn *client, struct t_conn *upstream, const char *target)
{
    t_serve(upstream, target);
    t_assert_text(t_read_response(client, "GET")->body, target);
}

/* A new connection that begins with CLIENT's header. */
static struct t_conn *accept_of(struct t_conn *client)
{
    struct t_conn *upstream = t_accept(&origin);

    t_expect(upstream, v1_of(client));
    return upstream;
}

Test(proxy_header_out, stands_before_all_else_in_version_1)
{
    start("send_proxy: v1");
    struct t_conn *client = ask(t_connect(weir.port), "/1");
    struct t_conn *upstream = accept_of(client);
    finish(client, upstream, "/1");
    /* Once, not before each request. */
    finish(ask(client, "/2"), upstream, "/2");
    t_pool_assert(&weir, "connections/opened", 1);
    t_pool_assert(&weir, "connections/reused", 1);
    t_weir_end(&weir);
}

Test(proxy_header_out, stands_before_all_else_in_version_2)
{
    char want[28] = SIGNATURE "\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01";
    int port;

    start("send_proxy: v2");
    struct t_conn *client = ask(t_connect(weir.port), "/1");
    struct t_conn *upstream = t_accept(&origin);
    port = t_conn_port(client);
    want[24] = (char)(port >> 8);
    want[25] = (char)port;
    want[26] = (char)(weir.port >> 8);
    want[27] = (char)weir.port;
    t_expect_bytes(upstream, want, sizeof(want));
    finish(client, upstream, "/1");
    finish(ask(client, "/2"), upstream, "/2");
    t_weir_end(&weir);
}

/* ---- Whose it is, is who the client is ---- */

struct told {
    const char *in;
    size_t in_len;
    const char *v1;
    const char *v2;
    size_t v2_len;
};

static const struct told told[] = {
    {BYTES("PROXY TCP4 192.0.2.7 192.0.2.8 50000 443\r\n"),
     "PROXY TCP4 192.0.2.7 192.0.2.8 50000 443\r\n",
     BYTES(SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x08\xc3\x50\x01\xbb")},
    {BYTES("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.8 50000 443\r\n"),
     "PROXY TCP4 192.0.2.7 192.0.2.8 50000 443\r\n",
     BYTES(SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x08\xc3\x50\x01\xbb")},
    {BYTES("PROXY TCP6 2001:db8::1 2001:0db8::2 1 2\r\n"),
     "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n",
     BYTES(SIGNATURE "\x21\x21\x00\x24"
                     "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                     "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x00\x01\x00\x02")},
    {BYTES("PROXY UNKNOWN\r\n"), "PROXY UNKNOWN\r\n", BYTES(SIGNATURE "\x21\x00\x00\x00")},
};

Test(proxy_header_out, tells_of_whom_a_header_told)
{
    for (int version = 1; version <= 2; version++) {
        start_with(t_text("    connections: {send_proxy: v%d}\n", version),
                   "    proxy_protocol: on\n    trusted_peers: [127.0.0.1]\n", 1);
        for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
            struct t_conn *client = t_connect(weir.port);
            t_send_bytes(client, told[i].in, told[i].in_len);
            struct t_conn *upstream = (ask(client, "/"), t_accept(&origin));
            if (version == 1)
                t_expect(upstream, told[i].v1);
            else
                t_expect_bytes(upstream, told[i].v2, told[i].v2_len);
            finish(client, upstream, "/");
        }
        t_weir_end(&weir);
        t_origin_close(&origin);
    }
}

/* ---- Never another's ---- */

Test(proxy_header_out, is_for_one_client_alone)
{
    start("send_proxy: v1");
    struct t_conn *a = ask(t_connect(weir.port), "/a1"), *b;
    struct t_conn *of_a = accept_of(a), *of_b;
    finish(a, of_a, "/a1");
    t_pool_await(&weir, "connections/idle", 1);
    b = ask(t_connect(weir.port), "/b1");
    of_b = accept_of(b);
    finish(b, of_b, "/b1");
    finish(ask(a, "/a2"), of_a, "/a2");
    finish(ask(b, "/b2"), of_b, "/b2");
    t_pool_assert(&weir, "connections/opened", 2);
    t_pool_assert(&weir, "connections/reused", 2);
    t_weir_end(&weir);
}

/* One client after the other at the same address: the second is another all the same. */
Test(proxy_header_out, is_not_for_another_who_is_said_to_be_the_same)
{
    start_with("    connections: {send_proxy: v1}\n",
               "    proxy_protocol: on\n    trusted_peers: [127.0.0.1]\n", 1);
    for (int i = 0; i < 2; i++) {
        struct t_conn *client = t_connect(weir.port);
        t_send(client, "PROXY TCP4 192.0.2.7 192.0.2.8 50000 443\r\n");
        struct t_conn *upstream = (ask(client, "/"), t_accept(&origin));
        t_expect(upstream, "PROXY TCP4 192.0.2.7 192.0.2.8 50000 443\r\n");
        finish(client, upstream, "/");
    }
    t_weir_end(&weir);
}

Test(proxy_header_out, ends_with_its_client)
{
    start("send_proxy: v1, close: fin");
    struct t_conn *client = ask(t_connect(weir.port), "/1");
    struct t_conn *upstream = accept_of(client);
    finish(client, upstream, "/1");
    t_pool_await(&weir, "connections/idle", 1);
    t_close(client);
    t_expect_end(upstream);
    t_pool_await(&weir, "connections/closed/surplus", 1);
    /* And at once where it is the client's last request. */
    client = t_connect(weir.port);
    t_send(client, "GET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    upstream = accept_of(client);
    finish(client, upstream, "/2");
    t_expect_end(upstream);
    t_pool_await(&weir, "connections/closed/surplus", 2);
    t_weir_end(&weir);
}

/* Connections of clients who are silent leave when others need their places: the one that has been
 * idle for longest. */
Test(proxy_header_out, makes_room_for_others)
{
    struct t_conn *clients[3], *upstreams[3];

    start("send_proxy: v1, max: 2, close: fin");
    for (int i = 0; i < 3; i++) {
        clients[i] = ask(t_connect(weir.port), "/");
        upstreams[i] = accept_of(clients[i]);
        finish(clients[i], upstreams[i], "/");
        t_pool_await(&weir, "connections/idle", i < 2 ? i + 1 : 2);
    }
    t_expect_end(upstreams[0]);
    finish(ask(clients[1], "/"), upstreams[1], "/");
    finish(ask(clients[2], "/"), upstreams[2], "/");
    upstreams[0] = (ask(clients[0], "/"), accept_of(clients[0]));
    finish(clients[0], upstreams[0], "/");
    t_pool_assert(&weir, "connections/closed/surplus", 2);
    t_weir_end(&weir);
}

/* A connection that comes free is not for who waits, but its place is. */
Test(proxy_header_out, gives_its_place_to_who_waits)
{
    struct t_conn *clients[3], *upstream;

    start_with("    connections: {send_proxy: v1, max: 1, close: fin}\n", NULL, 4);
    for (int i = 0; i < 3; i++) {
        clients[i] = ask(t_connect(weir.port), "/");
        t_stats_await(&weir, "listeners/web/requests/active", i + 1);
        t_pool_await(&weir, "queue/waiting", i);
    }
    for (int i = 0; i < 3; i++) {
        upstream = accept_of(clients[i]);
        finish(clients[i], upstream, "/");
        if (i < 2)
            t_expect_end(upstream);
    }
    t_weir_end(&weir);
}

/* ---- What else is sent ---- */

/* The kernel's evidence is not misled by the header's bytes. */
Test(proxy_header_out, counts_as_written_before_the_request)
{
    start_with("    connections: {send_proxy: v2}\n", NULL, 1);
    struct t_conn *client = ask(t_connect(weir.port), "/1");
    struct t_conn *upstream = t_accept(&origin);
    t_read_exactly(upstream, 28);
    finish(client, upstream, "/1");
    t_pool_await(&weir, "connections/idle", 1);
    t_weir_freeze(&weir);
    t_send(client, "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    t_close(upstream);
    t_weir_thaw(&weir);
    upstream = t_accept(&origin);
    t_read_exactly(upstream, 28);
    t_assert_text(t_read_request(upstream)->body, "hi");
    t_answer(upstream, "once");
    t_assert_text(t_read_response(client, "POST")->body, "once");
    t_weir_end(&weir);
}

/* The same with a server that did read the request: then it is not sent again. */
Test(proxy_header_out, makes_no_request_look_unsent)
{
    start_with("    connections: {send_proxy: v1}\n", NULL, 1);
    struct t_conn *client = ask(t_connect(weir.port), "/1");
    struct t_conn *upstream = accept_of(client);
    finish(client, upstream, "/1");
    t_pool_await(&weir, "connections/idle", 1);
    t_send(client, "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    t_assert_text(t_read_request(upstream)->body, "hi");
    t_close(upstream);
    t_assert_number("status", t_read_response(client, "POST")->status, 502);
    t_assert_number("connections", t_origin_connections(&origin), 1);
    t_weir_end(&weir);
}

/* A check of weir's own is nobody's connection. */
Test(proxy_header_out, says_of_health_checks_that_they_are_nobodys)
{
    static const struct told checks[] = {
        {NULL, 0, NULL, BYTES("PROXY UNKNOWN\r\n")},
        {NULL, 0, NULL, BYTES(SIGNATURE "\x20\x00\x00\x00")},
    };
    for (int version = 1; version <= 2; version++) {
        start_with(
            t_text("    connections: {send_proxy: v%d}\n    health: {interval: 1h}\n", version),
            NULL, 1);
        struct t_conn *check = t_accept(&origin);
        t_expect_bytes(check, checks[version - 1].v2, checks[version - 1].v2_len);
        t_assert_text(t_read_request(check)->target, "/healthz");
        t_answer(check, "fine");
        t_expect_any_end(check);
        t_weir_end(&weir);
        t_origin_close(&origin);
    }
}

/* ---- Reloads ---- */

/* Connections with a header and without one are not mixed, whichever way it goes, and not for a
 * client that stays. */
Test(proxy_header_out, follows_a_reload)
{
    static const char *const modes[] = {"off", "v1", "v2", "off"};
    struct t_shape shape = {.workers = 1};
    struct t_conn *client, *upstream;

    t_origin_open(&origin);
    shape.port = origin.port;
    t_weir_start_shape(&weir, &shape);
    client = t_connect(weir.port);
    for (int i = 0; i < 4; i++) {
        shape.pool = t_text("    connections: {send_proxy: %s}\n", modes[i]);
        t_weir_reshape(&weir, &shape);
        t_weir_signal(&weir, SIGHUP);
        t_stats_await(&weir, "weir/generation", i + 2);
        ask(client, "/");
        upstream = t_accept(&origin);
        if (i == 1)
            t_expect(upstream, v1_of(client));
        if (i == 2)
            t_expect_bytes(upstream, BYTES(SIGNATURE "\x21\x11\x00\x0c\x7f\x00\x00\x01"
                                                     "\x7f\x00\x00\x01"));
        if (i == 2)
            t_read_exactly(upstream, 4);
        finish(client, upstream, "/");
        t_pool_await(&weir, "connections/idle", 1);
    }
    t_weir_end(&weir);
}

/* Who waits while that is reloaded is served by what holds then. */
Test(proxy_header_out, follows_a_reload_for_who_waits)
{
    struct t_shape shape = {.workers = 1, .pool = "    connections: {max: 1}\n"};
    struct t_conn *clients[2], *first, *second;

    t_origin_open(&origin);
    shape.port = origin.port;
    t_weir_start_shape(&weir, &shape);
    clients[0] = ask(t_connect(weir.port), "/1");
    first = t_accept(&origin);
    clients[1] = ask(t_connect(weir.port), "/2");
    t_pool_await(&weir, "queue/waiting", 1);
    shape.pool = "    connections: {max: 1, send_proxy: v1}\n";
    t_weir_reshape(&weir, &shape);
    t_weir_signal(&weir, SIGHUP);
    second = accept_of(clients[1]);
    finish(clients[1], second, "/2");
    finish(clients[0], first, "/1");
    t_weir_end(&weir);
}

Test(proxy_header_out, does_not_go_with_connections_opened_ahead)
{
    struct t_run run = t_weir_check("listeners: {w: {listen: \"127.0.0.1:@port@\", pool: p}}\n"
                                    "pools: {p: {servers: [{address: \"127.0.0.1:1\"}], "
                                    "connections: {send_proxy: v1, min_idle: 1}}}\n");

    t_assert_number("status", run.status, 1);
    t_assert_contains(run.err, "min_idle: does not go with `send_proxy`");
}
