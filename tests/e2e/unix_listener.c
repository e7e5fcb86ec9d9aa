/* A listener at a Unix socket serves as one at a port does, on every worker, and knows its peers as
 * `unix`. */
#include "support/t_ask.h"

#include <string.h>
#include <sys/stat.h>

static struct t_origin origin;
static struct t_weir weir;
static char *path;

static void start(const char *listener)
{
    path = t_path("web.sock");
    t_origin_open(&origin);
    t_weir_start(&weir,
                 T_WEIR_HEAD "access_log: {to: \"@dir@/access.log\"}\n"
                             "listeners:\n"
                             "  web:\n"
                             "    listen: [\"unix:%s\", \"127.0.0.1:@port@\"]\n"
                             "    pool: legacy\n"
                             "%s"
                             "pools: {legacy: {servers: [{address: \"127.0.0.1:%d\"}]}}\n",
                 path, listener ? listener : "", origin.port);
}

Test(unix_listener, a_kept_connection_carries_requests)
{
    start(NULL);
    struct t_conn *client = t_connect_unix(path);
    struct t_conn *upstream = NULL;

    for (int i = 0; i < 3; i++) {
        t_send(client, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
        upstream = upstream ? upstream : t_accept(&origin);
        t_assert_text(t_read_request(upstream)->body, "hello");
        t_answer(upstream, "world");
        t_assert_text(t_read_response(client, "POST")->body, "world");
    }
    t_close(client);
    t_stats_await(&weir, "listeners/web/connections/active", 0);
    t_stats_assert(&weir, "listeners/web/connections/accepted", 1);
    json_t *addresses = t_stats_find(t_stats(&weir), "listeners/web/addresses");
    t_assert_text(json_string_value(json_array_get(addresses, 0)), t_text("unix:%s", path));
    t_weir_end(&weir);
}

Test(unix_listener, peers_are_unix)
{
    start("    trusted_peers: [unix]\n    forwarded: both\n");
    struct t_conn *client = t_connect_unix(path);
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n");
    struct t_conn *upstream = t_accept(&origin);
    t_expect(upstream, "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.1, unix\r\n"
                       "X-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n"
                       "Forwarded: for=unknown;host=\"h\";proto=http\r\nVia: 1.1 weir\r\n\r\n");
    t_answer(upstream, "x");
    t_read_response(client, "GET");
    /* Whoever comes by the port is not believed. */
    struct t_conn *other = t_connect(weir.port);
    t_send(other, "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n");
    t_expect(upstream, "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 127.0.0.1\r\n");
    t_read_until(upstream, "\r\n\r\n");
    t_answer(upstream, "x");
    t_read_response(other, "GET");
    t_weir_end(&weir);

    FILE *log = fopen(t_path("access.log"), "r");
    static char lines[4096];
    cr_assert(log && fread(lines, 1, sizeof(lines) - 1, log) > 0);
    fclose(log);
    t_assert_contains(lines, "\"client\":\"unix\",\"client_port\":0,");
}

/* They have no address that a limit for each could count by. */
Test(unix_listener, a_limit_for_each_address_is_none)
{
    start("    limits: {connections_per_ip: 1}\n");
    struct t_conn *clients[3], *upstream = NULL;
    for (int i = 0; i < 3; i++) {
        clients[i] = t_connect_unix(path);
        t_send(clients[i], "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        upstream = upstream ? upstream : t_accept(&origin);
        t_serve(upstream, "/");
        t_assert_number("status", t_read_response(clients[i], "GET")->status, 200);
    }
    t_stats_assert(&weir, "listeners/web/connections/rejected", 0);
    t_weir_end(&weir);
}

/* Nor have those whom a PROXY header does not tell; one that it does tell is counted. */
Test(unix_listener, a_limit_for_each_address_is_for_who_is_told)
{
    start("    limits: {connections_per_ip: 1}\n"
          "    proxy_protocol: on\n    trusted_peers: [unix]\n");
    static const char *const headers[] = {"UNKNOWN", "UNKNOWN", "TCP4 10.0.0.1 10.0.0.9 1 80",
                                          "TCP4 10.0.0.1 10.0.0.9 2 80"};
    static const int statuses[] = {200, 200, 200, 503};
    struct t_conn *upstream = NULL;
    for (int i = 0; i < 4; i++) {
        struct t_conn *client = t_connect_unix(path);
        t_send(client, t_text("PROXY %s\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", headers[i]));
        if (statuses[i] == 200) {
            upstream = upstream ? upstream : t_accept(&origin);
            t_serve(upstream, "/");
        }
        t_assert_number("status", t_read_response(client, "GET")->status, statuses[i]);
    }
    t_stats_assert(&weir, "listeners/web/connections/rejected", 1);
    t_weir_end(&weir);
}

/* Which of them takes a connection is chance; but none is lost between them. */
Test(unix_listener, the_workers_share_one_socket)
{
    start(NULL);
    struct t_conn *upstream = NULL;
    for (int i = 0; i < 200; i++) {
        struct t_conn *client = t_connect_unix(path);
        t_send(client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        upstream = upstream ? upstream : t_accept(&origin);
        t_serve(upstream, "/");
        t_await_answer(client, "GET", 200);
    }
    t_stats_await(&weir, "listeners/web/connections/active", 0);
    t_stats_assert(&weir, "listeners/web/connections/accepted", 200);
    t_pool_assert(&weir, "connections/opened", 1);
    t_weir_end(&weir);
}

/* A close-delimited answer can't show by a reset that it was cut; one with a length or chunks does.
 */
Test(unix_listener, a_cut_body_is_visible)
{
    start(NULL);
    struct t_conn *client = t_connect_unix(path);
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_send(upstream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    t_close(upstream);
    t_read_until(client, "\r\n\r\n3\r\nabc\r\n");
    t_expect_any_end(client);
    t_weir_end(&weir);
}

Test(unix_listener, the_file_has_the_mode_that_was_asked_for)
{
    static const struct {
        mode_t mask;
        const char *key;
        int mode;
    } rows[] = {{022, "", 0660},
                {0777, "", 0660},
                {0, "    socket_mode: 0600\n", 0600},
                {077, "    socket_mode: 0666\n", 0666}};
    path = t_path("web.sock");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *file = t_write_file("weir.yaml", t_text("admin: {listen: off}\nlisteners:\n  web:\n"
                                                      "    listen: \"unix:%s\"\n%s",
                                                      path, rows[i].key));
        mode_t former = umask(rows[i].mask);
        t_weir_start_args(&weir, "run", "-c", file, NULL);
        umask(former);
        t_assert_number("mode", t_socket_mode(path), rows[i].mode);
        t_weir_stop(&weir);
        t_assert_number("mode", t_socket_mode(path), -1);
    }
}
