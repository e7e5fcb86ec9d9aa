/* When no local port is left, requests wait for a connection and no server is blamed. */
#include "support/t_ask.h"
#include "support/t_netns.h"

#include <poll.h>
#include <signal.h>

enum { PORTS = 8, CLIENTS = 32 };

/* Few local ports for every connection from now on; those that are there stay. */
static void narrow(void)
{
    t_netns_set("ipv4/ip_local_port_range", "32768 32775");
}

static char *of_server(const struct t_origin *origin, const char *figure)
{
    return t_text("servers/127.0.0.1:%d/%s", origin->port, figure);
}

static bool is_paused(struct t_weir *weir, const struct t_origin *origin)
{
    const char *path = t_text("pools/legacy/%s", of_server(origin, "ports/paused"));
    json_t *value = t_stats_find(t_stats(weir), path);

    cr_assert(json_is_boolean(value), "no %s", path);
    return json_is_true(value);
}

/* Clients that are connected and have asked for nothing. */
static void open_clients(struct t_weir *weir, struct t_conn **clients, int n)
{
    for (int i = 0; i < n; i++)
        clients[i] = t_connect(weir->port);
}

static void ask_for(struct t_conn *client, const char *target)
{
    t_sendf(client, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", target);
}

static void ask(struct t_conn *client)
{
    ask_for(client, "/");
}

static void expect_no_blame(struct t_weir *weir)
{
    t_pool_assert(weir, "requests/failed", 0);
    t_pool_assert(weir, "requests/retried", 0);
    t_pool_assert(weir, "connections/closed/error", 0);
    t_stats_assert(weir, "listeners/web/requests/5xx", 0);
}

/* A connection on which a request has come. */
static struct t_conn *next_to_ask(struct t_conn **upstreams, int n)
{
    struct pollfd polled[CLIENTS];

    for (int i = 0; i < n; i++)
        polled[i] = (struct pollfd){.fd = upstreams[i]->fd, .events = POLLIN};
    if (poll(polled, (nfds_t)n, t_timeout_ms()) <= 0)
        t_fail("no request comes on any of %d connections", n);
    for (int i = 0; i < n; i++) {
        if (polled[i].revents)
            return upstreams[i];
    }
    t_fail("poll says nothing");
}

/* More requests at once than there are ports, from SOURCES: as many connections as ports. */
static void wait_for_connections(const char *sources, int connections)
{
    t_netns_enter();
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *clients[CLIENTS], *upstreams[CLIENTS];
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 2,
                                                .port = origin.port,
                                                .pool = t_text("    connections: {source: %s}\n"
                                                               "    queue: {timeout: 1h}\n",
                                                               sources)});
    open_clients(&weir, clients, CLIENTS);
    narrow();
    for (int i = 0; i < CLIENTS; i++)
        ask(clients[i]);
    for (int i = 0; i < connections; i++)
        upstreams[i] = t_accept(&origin);
    t_weir_await_log(&weir, "no local port is left towards 127.0.0.1");
    t_pool_await(&weir, "queue/waiting", CLIENTS - connections);
    t_pool_assert(&weir, "connections/active", connections);
    /* Each connection that comes free is for one who waits. */
    for (int i = 0; i < CLIENTS; i++) {
        struct t_conn *upstream = next_to_ask(upstreams, connections);
        t_read_request(upstream);
        t_answer(upstream, "x");
    }
    for (int i = 0; i < CLIENTS; i++)
        t_await_answer(clients[i], "GET", 200);
    t_assert_number("connections", t_origin_connections(&origin), connections);
    cr_assert_geq(t_pool_number(&weir, of_server(&origin, "ports/exhausted")), 1);
    cr_assert_geq(t_pool_number(&weir, "connections/closed/no_port"), 1);
    expect_no_blame(&weir);
    t_weir_end(&weir);
}

Test(local_ports, who_finds_none_waits_for_a_connection)
{
    wait_for_connections("[]", PORTS);
}

Test(local_ports, each_source_has_ports_of_its_own)
{
    wait_for_connections("[127.0.0.2, 127.0.0.3]", 2 * PORTS);
}

/* A port is taken only towards one server. */
Test(local_ports, servers_do_not_compete_for_them)
{
    t_netns_enter();
    struct t_origin one, other;
    struct t_weir weir;
    struct t_conn *clients[2 * PORTS], *upstreams[2 * PORTS];
    t_origin_open(&one);
    t_origin_open(&other);
    t_weir_start_shape(
        &weir, &(struct t_shape){
                   .servers = t_text("[{address: \"127.0.0.1:%d\"}, {address: \"127.0.0.1:%d\"}]",
                                     one.port, other.port),
                   .pool = "    connections: {source: [127.0.0.2]}\n"});
    open_clients(&weir, clients, 2 * PORTS);
    narrow();
    for (int i = 0; i < 2 * PORTS; i++)
        ask(clients[i]);
    for (int i = 0; i < 2 * PORTS; i++) {
        upstreams[i] = t_accept(i < PORTS ? &one : &other);
        t_read_request(upstreams[i]);
    }
    for (int i = 0; i < 2 * PORTS; i++)
        t_answer(upstreams[i], "x");
    for (int i = 0; i < 2 * PORTS; i++)
        t_await_answer(clients[i], "GET", 200);
    t_weir_end(&weir);
}

/* The test itself has all ports towards the origin. */
struct drought {
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *clients[CLIENTS], *holders[PORTS];
};

static void open_drought(struct drought *drought, struct t_shape shape)
{
    shape.workers = shape.workers ? shape.workers : 2;
    t_origin_open(&drought->origin);
    if (shape.servers)
        shape.servers = t_replace(shape.servers, "@held@", t_text("%d", drought->origin.port));
    shape.port = drought->origin.port;
    t_weir_start_shape(&drought->weir, &shape);
    open_clients(&drought->weir, drought->clients, CLIENTS);
    narrow();
    for (int i = 0; i < PORTS; i++) {
        drought->holders[i] = t_connect(drought->origin.port);
        t_accept(&drought->origin);
    }
}

static void end_drought(struct drought *drought)
{
    for (int i = 0; i < PORTS; i++)
        t_reset(drought->holders[i]);
}

/* Nothing of weir's comes free: only the pause's end can tell. */
Test(local_ports, the_end_of_a_pause_wakes_who_waits)
{
    t_netns_enter();
    struct drought drought;
    struct t_conn *upstreams[3];
    open_drought(&drought, (struct t_shape){.pool = "    queue: {timeout: 1h}\n"});

    for (int i = 0; i < 3; i++)
        ask(drought.clients[i]);
    t_pool_await(&drought.weir, "queue/waiting", 3);
    t_weir_await_log(&drought.weir, "no new connections for 1000 ms");
    t_weir_await_log(&drought.weir, "new connections are tried again after 1000 ms");
    t_weir_await_log(&drought.weir, "no new connections for 2000 ms");
    end_drought(&drought);
    t_weir_await_log(&drought.weir, "new connections are tried again after 2000 ms");
    /* Answered before the others have come, the first connection would serve them. */
    for (int i = 0; i < 3; i++)
        upstreams[i] = t_accept(&drought.origin);
    for (int i = 0; i < 3; i++) {
        t_read_request(upstreams[i]);
        t_answer(upstreams[i], "x");
    }
    for (int i = 0; i < 3; i++)
        t_await_answer(drought.clients[i], "GET", 200);
    cr_assert_not(is_paused(&drought.weir, &drought.origin));
    expect_no_blame(&drought.weir);
    t_weir_end(&drought.weir);
}

/* Each pause's end lets them try in vain. */
Test(local_ports, who_came_first_is_served_first_after_all_pauses)
{
    t_netns_enter();
    struct drought drought;
    open_drought(&drought, (struct t_shape){.workers = 1, .pool = "    queue: {timeout: 1h}\n"});

    for (int i = 0; i < 5; i++) {
        ask_for(drought.clients[i], t_text("/%d", i));
        t_pool_await(&drought.weir, "queue/waiting", i + 1);
    }
    t_weir_await_log(&drought.weir, "no new connections for 2000 ms");
    t_reset(drought.holders[0]);
    struct t_conn *upstream = t_accept(&drought.origin);
    for (int i = 0; i < 5; i++) {
        t_serve(upstream, t_text("/%d", i));
        t_await_answer(drought.clients[i], "GET", 200);
    }
    expect_no_blame(&drought.weir);
    t_weir_end(&drought.weir);
}

/* Time-outs of the queue hold across pauses; and weir ends while one lasts. */
Test(local_ports, who_waits_too_long_is_told)
{
    t_netns_enter();
    struct drought drought;
    open_drought(&drought, (struct t_shape){.pool = "    queue: {timeout: 1500ms}\n"});

    int64_t since_ms = t_now_ms();
    ask(drought.clients[0]);
    ask(drought.clients[1]);
    for (int i = 0; i < 2; i++)
        t_assert_contains(t_await_answer(drought.clients[i], "GET", 503)->body,
                          "wait for a server connection");
    cr_assert_geq(t_now_ms() - since_ms, 1490);
    t_pool_assert(&drought.weir, "queue/timed_out", 2);
    t_pool_assert(&drought.weir, of_server(&drought.origin, "requests/failed"), 0);
    t_pool_assert(&drought.weir, "requests/retried", 0);
    t_weir_end(&drought.weir);
}

Test(local_ports, a_server_with_ports_is_preferred)
{
    t_netns_enter();
    struct drought drought;
    struct t_origin other;
    struct t_conn *upstreams[PORTS];
    t_origin_open(&other);
    open_drought(&drought,
                 (struct t_shape){.servers = t_text("[{address: \"127.0.0.1:@held@\"}, "
                                                    "{address: \"127.0.0.1:%d\"}]",
                                                    other.port),
                                  .pool = "    balance: round_robin\n    queue: {timeout: 1h}\n"});

    for (int i = 0; i < PORTS; i++) {
        ask(drought.clients[i]);
        upstreams[i] = t_accept(&other);
        t_read_request(upstreams[i]);
    }
    cr_assert_geq(t_pool_number(&drought.weir, of_server(&drought.origin, "ports/exhausted")), 1);
    t_pool_assert(&drought.weir, of_server(&other, "ports/exhausted"), 0);
    t_pool_assert(&drought.weir, "queue/waiting", 0);
    for (int i = 0; i < PORTS; i++) {
        t_answer(upstreams[i], "x");
        t_await_answer(drought.clients[i], "GET", 200);
    }
    expect_no_blame(&drought.weir);
    t_weir_end(&drought.weir);
}

/* Each answer ends its connection, and each end leaves a port: nobody waits for the pause. */
Test(local_ports, a_connection_that_ends_leaves_its_port_to_who_waits)
{
    t_netns_enter();
    struct drought drought;
    open_drought(&drought, (struct t_shape){.pool = "    queue: {timeout: 1h}\n"});
    t_reset(drought.holders[0]);

    for (int i = 0; i < CLIENTS; i++)
        ask(drought.clients[i]);
    struct t_conn *upstream = t_accept(&drought.origin);
    t_pool_await(&drought.weir, "queue/waiting", CLIENTS - 1);
    int64_t since_ms = t_now_ms();
    for (int i = 0; i < CLIENTS; i++) {
        t_read_request(upstream);
        t_send(upstream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
        if (i + 1 < CLIENTS)
            upstream = t_accept(&drought.origin);
    }
    for (int i = 0; i < CLIENTS; i++)
        t_await_answer(drought.clients[i], "GET", 200);
    cr_assert_lt(t_now_ms() - since_ms, CLIENTS * 1000 / 2);
    expect_no_blame(&drought.weir);
    t_weir_end(&drought.weir);
}

/* A port that comes free while nobody waits is there for the next who comes. */
Test(local_ports, nobody_waits_for_a_pause_while_a_port_is_free)
{
    t_netns_enter();
    struct drought drought;
    open_drought(&drought, (struct t_shape){.pool = "    queue: {timeout: 1h}\n"});
    t_reset(drought.holders[0]);

    ask(drought.clients[0]);
    struct t_conn *upstream = t_accept(&drought.origin);
    int64_t since_ms = t_now_ms();
    ask(drought.clients[1]);
    t_weir_await_log(&drought.weir, "for 4000 ms");
    for (int i = 0; i < 10; i++) {
        t_read_request(upstream);
        t_send(upstream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
        t_await_answer(drought.clients[i], "GET", 200);
        if (i > 0)
            ask(drought.clients[i + 1]);
        upstream = t_accept(&drought.origin);
    }
    /* The third pause, unless the machine took so long that it may be over. */
    cr_assert(is_paused(&drought.weir, &drought.origin) ||
              t_now_ms() - since_ms >= 1000 + 2000 + 4000);
    t_weir_signal(&drought.weir, SIGTERM);
    t_read_request(upstream);
    t_answer(upstream, "x");
    t_await_answer(drought.clients[10], "GET", 200);
    t_assert_number("exit status", t_process_wait(&drought.weir.process), 0);
}

/* The generation and the server go away under the pause: who waits goes where the new one says. */
Test(local_ports, a_reload_and_a_drain_leave_nobody_waiting)
{
    t_netns_enter();
    struct drought drought;
    struct t_origin other;
    t_origin_open(&other);
    open_drought(&drought, (struct t_shape){.pool = "    queue: {timeout: 1h}\n"});

    ask(drought.clients[0]);
    t_pool_await(&drought.weir, "queue/waiting", 1);
    t_weir_reshape(&drought.weir, &(struct t_shape){.port = other.port});
    t_weir_signal(&drought.weir, SIGHUP);
    struct t_conn *upstreams[2] = {t_accept(&other), NULL};
    t_stats_await(&drought.weir, "weir/generation", 2);
    ask(drought.clients[1]);
    upstreams[1] = t_accept(&other);
    t_weir_signal(&drought.weir, SIGTERM);
    t_weir_await_log(&drought.weir, "drain");
    for (int i = 0; i < 2; i++) {
        t_read_request(upstreams[i]);
        t_answer(upstreams[i], "x");
        t_await_answer(drought.clients[i], "GET", 200);
    }
    end_drought(&drought);
    t_assert_number("exit status", t_process_wait(&drought.weir.process), 0);
}

/* The kernel has the same error for a host without any address of the family. */
Test(local_ports, where_ipv6_is_off_no_port_is_missed)
{
    t_netns_enter();
    t_netns_set("ipv6/conf/all/disable_ipv6", "1");
    struct t_weir weir;
    t_weir_start_shape(&weir, &(struct t_shape){.servers = "[{address: \"[::1]:9\"}]"});

    t_await_answer(t_ask(&weir, "GET", "/", NULL), "GET", 502);
    t_pool_assert(&weir, "servers/[::1]:9/ports/exhausted", 0);
    t_weir_await_log(&weir, "cannot open a connection");
    t_weir_end(&weir);
}
