/* A reload changes what the file changed and nothing else, and no request notices. */
#include "support/t_ask.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static struct t_origin origin;
static struct t_weir weir;

/* The file as it is now takes effect: generation NUMBER. */
static void reload(int number)
{
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", number);
}

static void reload_in_vain(const char *why)
{
    t_weir_signal(&weir, SIGHUP);
    t_weir_await_next_log(&weir, why);
    t_stats_assert(&weir, "weir/generation", 1);
}

static bool is_refused(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool refused = connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0;
    close(fd);
    return refused;
}

Test(reload, an_unchanged_server_keeps_its_warm_connections)
{
    struct t_shape shape = {.workers = 1};
    t_origin_open(&origin);
    shape.port = origin.port;
    t_weir_start_shape(&weir, &shape);
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/before");

    shape.listener = "    timeouts: {idle: 9s}\n";
    shape.pool = "    timeouts: {response: 9s}\n    balance: round_robin\n";
    t_weir_reshape(&weir, &shape);
    reload(2);
    t_round(&weir, &origin, upstream, "/after");
    t_pool_assert(&weir, "connections/opened", 1);
    t_weir_end(&weir);
}

Test(reload, changed_settings_of_a_pool_apply)
{
    struct t_shape shape = {.workers = 2, .pool = "    connections: {max: 1}\n"};
    struct t_conn *clients[2];
    t_origin_open(&origin);
    shape.port = origin.port;
    t_weir_start_shape(&weir, &shape);
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/before");

    shape.pool = "    connections: {max: 2}\n";
    t_weir_reshape(&weir, &shape);
    reload(2);
    for (int i = 0; i < 2; i++)
        clients[i] = t_ask(&weir, "GET", "/", NULL);
    struct t_conn *second = t_accept(&origin);
    t_serve(upstream, "/");
    t_serve(second, "/");
    for (int i = 0; i < 2; i++)
        t_await_answer(clients[i], "GET", 200);
    shape.pool = "    connections: {max: 2, idle_timeout: 300ms}\n";
    t_weir_reshape(&weir, &shape);
    reload(3);
    /* A connection goes by the settings of the request that used it last. */
    for (int i = 0; i < 2; i++)
        clients[i] = t_ask(&weir, "GET", "/", NULL);
    t_read_request(upstream);
    t_read_request(second);
    t_answer(upstream, "/");
    t_answer(second, "/");
    for (int i = 0; i < 2; i++)
        t_await_answer(clients[i], "GET", 200);
    t_pool_await(&weir, "connections/closed/idle_timeout", 2);
    t_weir_end(&weir);
}

Test(reload, requests_in_flight_finish_as_they_began)
{
    struct t_origin other;
    struct t_shape shape = {.workers = 1};
    t_origin_open(&origin);
    t_origin_open(&other);
    shape.port = origin.port;
    t_weir_start_shape(&weir, &shape);
    struct t_conn *client = t_ask(&weir, "POST", "/before", "Content-Length: 4\r\n");
    t_send(client, "bo");
    struct t_conn *upstream = t_accept(&origin);
    t_read_head(upstream);
    t_expect(upstream, "bo");

    shape.port = other.port;
    shape.listener = "    limits: {body_bytes: 1}\n";
    t_weir_reshape(&weir, &shape);
    reload(2);
    t_send(client, "dy");
    t_expect(upstream, "dy");
    t_round(&weir, &other, NULL, "/after");
    t_answer(upstream, "done");
    t_assert_text(t_await_answer(client, "POST", 200)->body, "done");
    t_expect_any_end(upstream);
    t_weir_end(&weir);
}

/* Where it is sent again is decided anew: the server that it began at is no longer there. */
Test(reload, a_request_that_is_sent_again_goes_to_the_servers_of_now)
{
    struct t_origin other;
    struct t_shape shape = {.workers = 1};
    t_origin_open(&origin);
    t_origin_open(&other);
    shape.port = origin.port;
    t_weir_start_shape(&weir, &shape);
    struct t_conn *client = t_ask(&weir, "GET", "/moved", NULL), *upstream = t_accept(&origin);
    t_read_request(upstream);
    shape.port = other.port;
    t_weir_reshape(&weir, &shape);
    reload(2);
    t_close(upstream);
    t_serve(t_accept(&other), "/moved");
    t_await_answer(client, "GET", 200);
    t_assert_number("connections", t_origin_connections(&origin), 1);
    t_weir_end(&weir);
}

Test(reload, servers_come_and_go)
{
    struct t_origin other;
    struct t_shape shape = {.workers = 1, .pool = "    balance: round_robin\n"};
    t_origin_open(&origin);
    t_origin_open(&other);
    shape.port = origin.port;
    t_weir_start_shape(&weir, &shape);
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/1");

    /* What is left of a server that went is closed at once; the other is new. */
    shape.port = other.port;
    t_weir_reshape(&weir, &shape);
    reload(2);
    t_expect_any_end(upstream);
    struct t_conn *second = t_round(&weir, &other, NULL, "/2");

    /* It comes back beside the other, whose connection is as warm as it was. */
    shape.servers = t_text("[{address: \"127.0.0.1:%d\"}, {address: \"127.0.0.1:%d\"}]", other.port,
                           origin.port);
    t_weir_reshape(&weir, &shape);
    reload(3);
    t_round(&weir, &other, second, "/3");
    t_round(&weir, &origin, NULL, "/4");
    json_t *servers = t_stats_find(t_stats(&weir), "pools/legacy/servers");
    t_assert_number("servers", (int64_t)json_object_size(servers), 2);
    t_weir_end(&weir);
}

Test(reload, a_bad_file_changes_nothing_and_says_why)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1, .port = origin.port});
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/before");

    t_weir_rewrite_config(&weir, "workers: 1\nlisteners:\n  web: {listn: [\":1\"], pool: legacy}\n"
                                 "pools: {legacy: {servers: [{address: \"127.0.0.1:1\"}]}}\n");
    reload_in_vain("weir.yaml:3:9: ");
    t_weir_await_log(&weir, "reload: ");
    t_weir_rewrite_config(&weir, "{");
    reload_in_vain("weir.yaml:");
    t_round(&weir, &origin, upstream, "/after");
    cr_assert_eq(unlink(weir.config), 0);
    reload_in_vain("weir.yaml");
    t_round(&weir, &origin, upstream, "/later");
    t_weir_end(&weir);
}

static void dry_run(int status, const char *says)
{
    t_assert_contains(t_order(&weir, "/reload/dry-run", status)->body, says);
    t_stats_assert(&weir, "weir/generation", 1);
}

/* The running weir tells whether it would take the file, and goes on as it was. */
Test(reload, a_dry_run_changes_nothing)
{
    struct t_origin other;
    struct t_shape shape = {.workers = 2, .token = true};
    t_origin_open(&origin);
    t_origin_open(&other);
    shape.port = origin.port;
    t_weir_start_shape(&weir, &shape);
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/before");
    dry_run(200, "nothing was changed");

    shape.port = other.port;
    shape.pool = "    connections: {max: 1}\n";
    t_weir_reshape(&weir, &shape);
    dry_run(200, "nothing was changed");
    t_stats_await_size(&weir, "pools/legacy/servers", 1);
    t_round(&weir, &origin, upstream, "/meanwhile");
    t_assert_number("connections", t_origin_connections(&other), 0);

    shape.pool = "    connections: {maxx: 1}\n";
    t_weir_reshape(&weir, &shape);
    dry_run(422, "did you mean `max`");
    shape.servers = "[{address: \"nowhere.invalid:1\"}]";
    shape.pool = NULL;
    t_weir_reshape(&weir, &shape);
    dry_run(422, "nowhere.invalid");
    shape.servers = NULL;
    /* Where somebody else listens. */
    shape.top = NULL;
    t_weir_rewrite_config(&weir,
                          "workers: 2\nadmin: {listen: \"127.0.0.1:@admin@\"}\n"
                          "listeners: {web: {listen: [\"127.0.0.1:@port@\", \"127.0.0.1:%d\"]}}\n",
                          other.port);
    dry_run(422, t_text("cannot listen on 127.0.0.1:%d", other.port));
    t_round(&weir, &origin, upstream, "/after");

    t_weir_reshape(&weir, &shape);
    t_order(&weir, "/reload", 202);
    t_expect_any_end(upstream);
    t_round(&weir, &other, NULL, "/moved");
    t_weir_end(&weir);
}

static const char two_listeners[] = "workers: 2\n"
                                    "log: {to: stderr, level: debug}\n"
                                    "admin: {listen: \"127.0.0.1:@admin@\"}\n"
                                    "listeners:\n"
                                    "  %s: {listen: [\"127.0.0.1:%s\"], pool: legacy}\n"
                                    "pools:\n"
                                    "  legacy: {servers: [{address: \"127.0.0.1:%d\"}]}\n";

Test(reload, listeners_open_and_close)
{
    t_origin_open(&origin);
    t_weir_start(&weir, two_listeners, "web", "@port@", origin.port);
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/");
    struct t_conn *kept = t_connect(weir.port);
    t_send(kept, "GET /kept HTTP/1.1\r\nHost: h\r\n\r\n");
    t_serve(upstream, "/kept");
    t_read_response(kept, "GET");
    t_pool_await(&weir, "connections/idle", 1);

    /* At another address, with the same name. */
    t_weir_rewrite_config(&weir, two_listeners, "web", "@port2@", origin.port);
    reload(2);
    t_tcp_await(T_TCP_LOCAL, weir.port, T_TCP_LISTEN, 0);
    cr_assert(is_refused(weir.port));
    struct t_conn *client = t_connect(weir.port2);
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    t_serve(upstream, "/");
    t_read_response(client, "GET");
    t_pool_await(&weir, "connections/idle", 1);

    /* Another name, the same address: its idle clients belong to nobody, and are closed. */
    t_weir_rewrite_config(&weir, two_listeners, "other", "@port2@", origin.port);
    reload(3);
    t_expect_end(client);
    t_expect_end(kept);
    client = t_connect(weir.port2);
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    t_serve(upstream, "/");
    t_read_response(client, "GET");
    t_pool_await(&weir, "connections/idle", 1);
    t_stats_assert(&weir, "listeners/other/requests/total", 1);
    t_close(client);
    t_weir_end(&weir);
}

Test(reload, a_port_that_is_taken_changes_nothing)
{
    struct t_origin taken;
    t_origin_open(&origin);
    t_origin_open(&taken);
    t_weir_start(&weir, two_listeners, "web", "@port@", origin.port);
    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/");
    t_weir_rewrite_config(&weir, two_listeners, "web", t_text("%d", taken.port), origin.port);
    reload_in_vain("in use");
    t_round(&weir, &origin, upstream, "/");
    t_weir_end(&weir);
}

Test(reload, no_request_fails_under_load)
{
    struct t_real_origin origins[2];
    struct t_shape shape = {.workers = 2};
    for (int i = 0; i < 2; i++)
        t_real_origin_start(&origins[i], NULL);
    shape.port = origins[0].port;
    t_weir_start_shape(&weir, &shape);

    struct t_load_beside loads[2] = {{.load = {.concurrency = 15, .requests = 4000}},
                                     {.load = {.concurrency = 15, .requests = 4000}}};
    for (int i = 0; i < 2; i++) {
        loads[i].load.port = weir.port;
        loads[i].load.per_connection = i ? 10 : 1;
        loads[i].load.reset_clients = true;
        t_load_start(&loads[i]);
    }
    for (int generation = 2; generation < 22; generation++) {
        shape.port = origins[generation / 2 % 2].port;
        shape.pool = generation % 3 ? "    connections: {max: 9}\n    queue: {timeout: 30s}\n"
                                    : "    balance: round_robin\n";
        t_weir_reshape(&weir, &shape);
        reload(generation);
        int64_t total = t_stats_number(&weir, "listeners/web/requests/total");
        t_stats_await_at_least(&weir, "listeners/web/requests/total",
                               total + 100 < 7900 ? total + 100 : 7900);
    }
    for (int i = 0; i < 2; i++) {
        t_load_join(&loads[i]);
        t_load_assert_ok(&loads[i].load, &loads[i].result);
    }
    t_weir_end(&weir);
    for (int i = 0; i < 2; i++)
        t_real_origin_stop(&origins[i]);
}
