/* Each limit of a listener holds exactly, and what goes beyond is told so. */
#include "support/t_ask.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static struct t_origin origin;
static struct t_weir weir;

static void start(const char *limits)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 4,
                                                .port = origin.port,
                                                .listener = t_text("    limits: {%s}\n", limits)});
}

/* A client that has been served once and stays. */
static struct t_conn *settle(struct t_conn *client, struct t_conn **upstream)
{
    t_send(client, "GET /settle HTTP/1.1\r\nHost: h\r\n\r\n");
    if (!*upstream)
        *upstream = t_accept(&origin);
    t_serve(*upstream, "/settle");
    t_assert_number("status", t_read_response(client, "GET")->status, 200);
    t_pool_await(&weir, "connections/idle", 1);
    return client;
}

/* A client at another address of this host. */
static struct t_conn *connect_from(const char *host)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, host, &from.sin_addr);
    cr_assert_eq(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    to.sin_port = htons((uint16_t)weir.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return t_conn_adopt(fd, host);
}

static void expect_refused(struct t_conn *client)
{
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    struct t_message *answer = t_await_answer(client, "GET", 503);
    t_assert_contains(answer->body, "too many client connections");
    t_assert_text(t_field(answer, "Connection"), "close");
}

Test(limits, connections)
{
    struct t_conn *clients[3], *upstream = NULL;
    start("connections: 3");
    for (int i = 0; i < 3; i++)
        clients[i] = settle(t_connect(weir.port), &upstream);
    expect_refused(t_connect(weir.port));
    t_stats_assert(&weir, "listeners/web/connections/rejected", 1);
    t_stats_await(&weir, "listeners/web/connections/active", 3);
    t_close(clients[0]);
    t_stats_await(&weir, "listeners/web/connections/active", 2);
    settle(t_connect(weir.port), &upstream);
    expect_refused(t_connect(weir.port));
    t_weir_end(&weir);
}

Test(limits, connections_per_ip)
{
    struct t_conn *clients[2], *upstream = NULL;
    start("connections_per_ip: 2");
    for (int i = 0; i < 2; i++)
        clients[i] = settle(t_connect(weir.port), &upstream);
    expect_refused(t_connect(weir.port));
    settle(connect_from("127.0.0.2"), &upstream);
    settle(connect_from("127.0.0.2"), &upstream);
    expect_refused(connect_from("127.0.0.2"));
    settle(connect_from("127.0.0.3"), &upstream);
    t_close(clients[0]);
    t_stats_await(&weir, "listeners/web/connections/active", 4);
    settle(t_connect(weir.port), &upstream);
    t_weir_end(&weir);
}

Test(limits, header_bytes)
{
    start("header_bytes: 1KiB");
    char filler[1024];
    memset(filler, 'a', sizeof(filler));
    for (int over = 0; over <= 1; over++) {
        /* The whole head: 1024 bytes, or one more. */
        int around = (int)strlen(
            "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nX: \r\n\r\n");
        struct t_conn *client = t_ask(&weir, "GET", "/",
                                      t_text("X: %.*s\r\n", 1024 - around + over, filler));
        if (!over)
            t_serve(t_accept(&origin), "/");
        t_await_answer(client, "GET", over ? 431 : 200);
    }
    t_weir_end(&weir);
}

Test(limits, headers)
{
    start("headers: 4");
    struct t_conn *client = t_ask(&weir, "GET", "/", "A: 1\r\nB: 2\r\n");
    t_serve(t_accept(&origin), "/");
    t_await_answer(client, "GET", 200);
    client = t_ask(&weir, "GET", "/", "A: 1\r\nB: 2\r\nC: 3\r\n");
    t_assert_contains(t_await_answer(client, "GET", 431)->body, "fields");
    t_weir_end(&weir);
}

Test(limits, body_bytes_by_length)
{
    start("body_bytes: 10");
    struct t_conn *client = t_ask(&weir, "POST", "/", "Content-Length: 10\r\n");
    t_send(client, "0123456789");
    t_serve(t_accept(&origin), "/");
    t_await_answer(client, "POST", 200);
    /* Told before a byte of the body has come, or a server was asked. */
    client = t_ask(&weir, "POST", "/", "Content-Length: 11\r\n");
    t_await_answer(client, "POST", 413);
    t_pool_assert(&weir, "requests/total", 1);
    t_weir_end(&weir);
}

Test(limits, body_bytes_of_chunks)
{
    start("body_bytes: 10");
    struct t_conn *client = t_ask(&weir, "POST", "/", "Transfer-Encoding: chunked\r\n");
    t_send(client, "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n");
    struct t_conn *upstream = t_accept(&origin);
    t_serve(upstream, "/");
    t_await_answer(client, "POST", 200);
    client = t_ask(&weir, "POST", "/", "Transfer-Encoding: chunked\r\n");
    t_send(client, "5\r\n01234\r\n");
    t_await_read_by_peer(client);
    t_send(client, "6\r\n56789x\r\n0\r\n\r\n");
    t_await_answer(client, "POST", 413);
    t_weir_end(&weir);
}

Test(limits, requests_per_connection)
{
    struct t_conn *upstream = NULL;
    start("requests_per_connection: 3");
    struct t_conn *client = t_connect(weir.port);
    for (int i = 1; i <= 3; i++) {
        t_send(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        if (!upstream)
            upstream = t_accept(&origin);
        t_serve(upstream, "/");
        const char *connection = t_field(t_read_response(client, "GET"), "Connection");
        if (i < 3)
            cr_assert_null(connection);
        else
            t_assert_text(connection, "close");
    }
    t_expect_end(client);
    t_close(client);
    t_weir_end(&weir);
}
