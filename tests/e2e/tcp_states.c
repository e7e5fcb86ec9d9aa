/* The TCP states in /stats are the kernel's: of a listener's connections, and of a server's on both
 * sides, whoever made them. */
#include "support/t_ask.h"
#include "support/t_netns.h"
#include "support/t_tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- A server's, on connections of the test's own ---- */

static const char *const states[] = {
    "established", "syn_recv",   "fin_wait1", "fin_wait2",
    "time_wait",   "close_wait", "last_ack",  "closing",
};

enum { STATES = sizeof(states) / sizeof(*states) };

struct fixture {
    struct t_origin origin;
    struct t_weir weir;
    const char *server; /* path of its figures */
};

static void set_up(struct fixture *fixture, const char *host)
{
    const char *form = strchr(host, ':') ? "[%s]:%d" : "%s:%d";
    char address[64];

    t_netns_enter();
    t_origin_open_on(&fixture->origin, host);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(address, sizeof(address), form, host, fixture->origin.port);
#pragma GCC diagnostic pop
    t_weir_start_shape(&fixture->weir,
                       &(struct t_shape){.servers = t_text("[{address: \"%s\"}]", address)});
    fixture->server = t_text("pools/legacy/servers/%s", address);
}

/* Both ends of a connection to the server. */
struct ends {
    struct t_conn *client, *server;
};

static struct ends join(struct fixture *fixture)
{
    struct ends ends;

    ends.client = t_connect_to(fixture->origin.host, fixture->origin.port);
    ends.server = t_accept(&fixture->origin);
    return ends;
}

static void await(struct fixture *fixture, const char *figure, int64_t value)
{
    t_stats_await(&fixture->weir, t_text("%s/%s", fixture->server, figure), value);
}

/* One connection, in these states; in every other state there is none. */
static void await_states(struct fixture *fixture, const char *proxy_side, const char *server_side)
{
    await(fixture, t_text("tcp/proxy_side/%s", proxy_side), 1);
    if (server_side)
        await(fixture, t_text("tcp/server_side/%s", server_side), 1);
    json_t *stats = t_stats(&fixture->weir);
    for (int i = 0; i < STATES; i++) {
        const char *name = states[i];
        const char *proxy_path = t_text("%s/tcp/proxy_side/%s", fixture->server, name);
        const char *server_path = t_text("%s/tcp/server_side/%s", fixture->server, name);
        t_assert_number(proxy_path, json_integer_value(t_stats_find(stats, proxy_path)),
                        strcmp(name, proxy_side) == 0);
        t_assert_number(server_path, json_integer_value(t_stats_find(stats, server_path)),
                        server_side && strcmp(name, server_side) == 0);
    }
}

static void fill(struct t_conn *conn)
{
    static char bytes[65536];

    while (send(conn->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        continue;
    t_assert_number("errno", errno, EAGAIN);
}

static void the_client_closes(const char *host)
{
    struct fixture f;
    set_up(&f, host);
    struct ends ends = join(&f);
    await_states(&f, "established", "established");
    await(&f, "ports/in_use", 1);
    await(&f, "ports/available", 28231);
    t_half_close(ends.client);
    await_states(&f, "fin_wait2", "close_wait");
    await(&f, "ports/in_use", 1);
    t_close(ends.server);
    await_states(&f, "time_wait", NULL);
    await(&f, "ports/in_use", 0);
    await(&f, "ports/time_wait", 1);
    await(&f, "ports/available", 28231);
    t_weir_end(&f.weir);
}

static void the_server_closes(const char *host)
{
    struct fixture f;
    set_up(&f, host);
    struct ends ends = join(&f);
    t_half_close(ends.server);
    await_states(&f, "close_wait", "fin_wait2");
    /* The server does not read: the client's end stays behind the bytes. */
    fill(ends.client);
    t_half_close(ends.client);
    await_states(&f, "last_ack", "fin_wait2");
    t_reset(ends.client);
    await(&f, "ports/in_use", 0);
    await(&f, "ports/available", 28232);
    t_weir_end(&f.weir);
}

static void both_close(const char *host)
{
    struct fixture f;
    set_up(&f, host);
    struct ends ends = join(&f);
    fill(ends.client);
    t_half_close(ends.client);
    await_states(&f, "fin_wait1", "established");
    /* The server's end comes before the client's could. */
    t_half_close(ends.server);
    await_states(&f, "closing", "fin_wait2");
    await(&f, "ports/in_use", 1);
    t_reset(ends.client);
    t_weir_end(&f.weir);
}

Test(tcp_states, the_client_closes_ipv4)
{
    the_client_closes("127.0.0.1");
}

Test(tcp_states, the_client_closes_ipv6)
{
    the_client_closes("::1");
}

Test(tcp_states, the_server_closes_ipv4)
{
    the_server_closes("127.0.0.1");
}

Test(tcp_states, the_server_closes_ipv6)
{
    the_server_closes("::1");
}

Test(tcp_states, both_close_ipv4)
{
    both_close("127.0.0.1");
}

Test(tcp_states, both_close_ipv6)
{
    both_close("::1");
}

static int listen_at(int family, const void *address, socklen_t len, int backlog)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert(fd >= 0 && bind(fd, address, len) == 0 && listen(fd, backlog) == 0, "%s",
              strerror(errno));
    return fd;
}

/* The server's queue is full, so that it does not answer; weir itself is the one who asks. */
Test(tcp_states, syn_sent_to_a_server_that_does_not_answer)
{
    t_netns_enter();
    int port = t_free_port();
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct t_weir weir;
    struct t_conn *first, *client;

    listen_at(AF_INET, &address, sizeof(address), 0);
    first = t_connect(port);
    t_weir_start_shape(&weir,
                       &(struct t_shape){.port = port, .pool = "    timeouts: {connect: 1h}\n"});
    const char *server = t_text("pools/legacy/servers/127.0.0.1:%d", port);
    client = t_ask(&weir, "GET", "/", NULL);
    t_stats_await(&weir, t_text("%s/tcp/proxy_side/syn_sent", server), 1);
    t_stats_await(&weir, t_text("%s/connections/connecting", server), 1);
    t_stats_assert(&weir, t_text("%s/tcp/proxy_side/established", server), 1);
    t_stats_assert(&weir, t_text("%s/ports/in_use", server), 2);
    t_reset(client);
    t_reset(first);
    t_process_kill(&weir.process);
}

/* A server that takes IPv4 on a socket of IPv6, as many do. */
Test(tcp_states, mapped_addresses_are_ipv4)
{
    t_netns_enter();
    int port = t_free_port();
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct t_weir weir;

    listen_at(AF_INET6, &address, sizeof(address), 8);
    t_connect(port);
    t_connect_to("::1", port);
    t_weir_start_shape(&weir, &(struct t_shape){.servers = t_text("[{address: \"127.0.0.1:%d\"}, "
                                                                  "{address: \"[::1]:%d\"}]",
                                                                  port, port)});
    for (int i = 0; i < 2; i++) {
        const char *tcp = t_text(i == 0 ? "pools/legacy/servers/127.0.0.1:%d/tcp"
                                        : "pools/legacy/servers/[::1]:%d/tcp",
                                 port);
        t_stats_assert(&weir, t_text("%s/proxy_side/established", tcp), 1);
        t_stats_assert(&weir, t_text("%s/server_side/established", tcp), 1);
    }
    t_weir_end(&weir);
}

/* ---- A listener's, weir's own connections ---- */

static void await_web(struct t_weir *weir, const char *state, int64_t value)
{
    t_stats_await(weir, t_text("listeners/web/tcp/%s", state), value);
}

static void start(struct t_weir *weir, struct t_origin *origin)
{
    t_netns_enter();
    t_origin_open(origin);
    t_weir_start_shape(weir, &(struct t_shape){.port = origin->port});
}

/* For a second, as TCP_DEFER_ACCEPT has it: some are new whenever weir looks. */
Test(tcp_states, a_client_that_has_said_nothing_is_syn_recv)
{
    struct t_origin origin;
    struct t_weir weir;
    start(&weir, &origin);
    struct t_conn *client;
    int64_t deadline_ms = t_deadline_ms();
    do
        client = t_connect(weir.port);
    while (t_stats_number(&weir, "listeners/web/tcp/syn_recv") == 0 && t_left_ms(deadline_ms) > 0);
    cr_assert_gt(t_left_ms(deadline_ms), 0);
    t_send(client, "GET / ");
    t_stats_await_at_least(&weir, "listeners/web/tcp/established", 1);
    t_reset(client);
    t_weir_end(&weir);
}

Test(tcp_states, weir_closes_after_its_answer)
{
    struct t_origin origin;
    struct t_weir weir;
    start(&weir, &origin);
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    t_serve(t_accept(&origin), "/");
    await_web(&weir, "fin_wait2", 1);
    t_read_to_end(client, NULL);
    t_close(client);
    await_web(&weir, "time_wait", 1);
    t_stats_assert(&weir, "listeners/web/tcp/fin_wait2", 0);
    t_weir_end(&weir);
}

Test(tcp_states, the_client_closes_before_its_answer)
{
    struct t_origin origin;
    struct t_weir weir;
    start(&weir, &origin);
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_half_close(client);
    await_web(&weir, "close_wait", 1);
    t_answer(upstream, "x");
    t_await_answer(client, "GET", 200);
    await_web(&weir, "close_wait", 0);
    t_stats_assert(&weir, "listeners/web/tcp/time_wait", 0);
    t_weir_end(&weir);
}

/* More than the client's window takes, and less than the kernel does. */
static struct t_conn *ask_for_much(struct t_weir *weir, struct t_origin *origin, bool half_close)
{
    static char body[12000];
    struct t_conn *client = t_connect_small(weir->port, 1024), *upstream;

    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    upstream = t_accept(origin);
    t_read_request(upstream);
    if (half_close) {
        t_half_close(client);
        await_web(weir, "close_wait", 1);
    }
    t_sendf(upstream, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", sizeof(body));
    t_send_bytes(upstream, body, sizeof(body));
    return client;
}

Test(tcp_states, weir_closes_and_the_client_does_not_read)
{
    struct t_origin origin;
    struct t_weir weir;
    start(&weir, &origin);
    struct t_conn *client = ask_for_much(&weir, &origin, false);
    await_web(&weir, "fin_wait1", 1);
    t_half_close(client);
    await_web(&weir, "closing", 1);
    t_stats_assert(&weir, "listeners/web/tcp/fin_wait1", 0);
    t_reset(client);
    await_web(&weir, "closing", 0);
    t_weir_end(&weir);
}

Test(tcp_states, both_have_closed_and_the_client_does_not_read)
{
    struct t_origin origin;
    struct t_weir weir;
    start(&weir, &origin);
    struct t_conn *client = ask_for_much(&weir, &origin, true);
    await_web(&weir, "last_ack", 1);
    t_stats_assert(&weir, "listeners/web/tcp/close_wait", 0);
    t_reset(client);
    await_web(&weir, "last_ack", 0);
    t_weir_end(&weir);
}

Test(tcp_states, addresses_of_a_listener_are_added_up)
{
    t_netns_enter();
    struct t_weir weir;
    t_weir_start(&weir,
                 T_WEIR_HEAD "listeners:\n"
                             "  web: {listen: [\":@port@\", \"[::]:@port@\"], pool: legacy}\n"
                             "  other: {listen: \"127.0.0.9:@port2@\", pool: legacy}\n"
                             "pools:\n"
                             "  legacy: {servers: [{address: \"127.0.0.1:1\"}]}\n");
    struct t_conn *clients[] = {
        t_connect(weir.port),
        t_connect_to("127.0.0.5", weir.port),
        t_connect_to("::1", weir.port),
        t_connect_to("127.0.0.9", weir.port2),
    };
    for (int i = 0; i < 4; i++)
        t_send(clients[i], "GET / ");
    await_web(&weir, "established", 3);
    t_stats_assert(&weir, "listeners/other/tcp/established", 1);
    for (int i = 0; i < 4; i++)
        t_reset(clients[i]);
    t_weir_end(&weir);
}

/* ---- What is known of which server ---- */

static bool is_null(struct t_weir *weir, const char *path)
{
    json_t *value = t_stats_find(t_stats(weir), path);

    cr_assert_not_null(value, "no %s", path);
    return json_is_null(value);
}

Test(tcp_states, the_other_side_only_of_servers_on_this_host)
{
    t_netns_enter();
    struct t_weir weir;
    t_netns_add_ipv6("2001:db8::7");
    t_weir_start_shape(&weir, &(struct t_shape){.servers = "[{address: \"[2001:db8::7]:80\"}, "
                                                           "{address: \"[2001:db8::8]:80\"}, "
                                                           "{address: \"127.1.2.3:80\"}, "
                                                           "{address: \"10.1.2.3:80\"}]"});
#define SIDE(server) "pools/legacy/servers/" server "/tcp/server_side"
    cr_assert_not(is_null(&weir, SIDE("[2001:db8::7]:80")));
    cr_assert(is_null(&weir, SIDE("[2001:db8::8]:80")));
    cr_assert_not(is_null(&weir, SIDE("127.1.2.3:80")));
    cr_assert(is_null(&weir, SIDE("10.1.2.3:80")));
    cr_assert_not(is_null(&weir, "pools/legacy/servers/10.1.2.3:80/tcp/proxy_side"));
    t_weir_end(&weir);
}

/* More than the kernel is asked for one by one, at ports far apart; each is told apart still. */
Test(tcp_states, of_many_servers)
{
    enum { SERVERS = 300, FIRST = 20000 };
    t_netns_enter();
    struct t_weir weir;
    char *servers = t_text("[");
    for (int i = 0; i < SERVERS; i++)
        servers = t_text("%s%s{address: \"127.0.0.%d:%d\"}", servers, i > 0 ? ", " : "",
                         i % 200 + 1, FIRST + 20 * i);
    struct sockaddr_in any = {.sin_family = AF_INET};
    for (int i = 0; i < SERVERS; i += 50) {
        any.sin_port = htons((uint16_t)(FIRST + 20 * i));
        listen_at(AF_INET, &any, sizeof(any), 8);
        t_connect_to(t_text("127.0.0.%d", i % 200 + 1), FIRST + 20 * i);
        t_connect_to("127.0.0.250", FIRST + 20 * i);
    }
    t_weir_start_shape(&weir, &(struct t_shape){.servers = t_text("%s]", servers)});
    json_t *stats = t_stats(&weir);
    for (int i = 0; i < SERVERS; i++) {
        const char *tcp = t_text("pools/legacy/servers/127.0.0.%d:%d/tcp", i % 200 + 1,
                                 FIRST + 20 * i);
        const char *proxy_path = t_text("%s/proxy_side/established", tcp);
        const char *server_path = t_text("%s/server_side/established", tcp);
        t_assert_number(proxy_path, json_integer_value(t_stats_find(stats, proxy_path)),
                        i % 50 == 0);
        t_assert_number(server_path, json_integer_value(t_stats_find(stats, server_path)),
                        i % 50 == 0);
    }
    t_weir_end(&weir);
}

Test(tcp_states, available_ports_are_those_of_the_settings)
{
    t_netns_enter();
    struct t_weir weir;
    t_netns_set("ipv4/ip_local_port_range", "40000 40099");
    t_netns_set("ipv4/ip_local_reserved_ports", "40010-40019,50000");
    t_weir_start_shape(&weir, &(struct t_shape){.port = 9});
    t_stats_assert(&weir, "pools/legacy/servers/127.0.0.1:9/ports/available", 90);
    t_weir_end(&weir);
}

/* Only what comes from the pool's own addresses takes their ports. */
Test(tcp_states, ports_are_those_of_the_sources)
{
    t_netns_enter();
    struct t_origin origin;
    struct t_weir weir;
    t_netns_set("ipv4/ip_local_port_range", "40000 40099");
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir, &(struct t_shape){.port = origin.port,
                                 .pool = "    connections: {source: [127.0.0.2, 127.0.0.3]}\n"});
    t_connect(origin.port);
    t_accept(&origin);
    t_round(&weir, &origin, NULL, "/");
    const char *server = t_text("pools/legacy/servers/127.0.0.1:%d", origin.port);
    t_stats_assert(&weir, t_text("%s/tcp/proxy_side/established", server), 2);
    t_stats_assert(&weir, t_text("%s/ports/in_use", server), 1);
    t_stats_assert(&weir, t_text("%s/ports/time_wait", server), 0);
    t_stats_assert(&weir, t_text("%s/ports/available", server), 199);
    t_weir_end(&weir);
}

/* A reload does not wait for the next look. */
Test(tcp_states, of_a_new_configuration_at_once)
{
    t_netns_enter();
    struct t_weir weir;
    t_weir_start_shape(&weir, &(struct t_shape){.port = 9});
    t_stats(&weir);
    t_weir_reshape(&weir, &(struct t_shape){.port = 10});
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", 2);
    t_stats_assert(&weir, "pools/legacy/servers/127.0.0.1:10/tcp/proxy_side/established", 0);
    t_weir_end(&weir);
}

/* ---- Where the kernel does not tell ---- */

static int times(const char *text, const char *what)
{
    int n = 0;

    for (text = strstr(text, what); text; text = strstr(text + 1, what))
        n++;
    return n;
}

Test(tcp_states, where_netlink_is_refused_figures_are_null_and_the_log_says_why_once)
{
    struct t_origin origin;
    struct t_weir weir;
    t_netlink_refuse();
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});
    const char *server = t_text("pools/legacy/servers/127.0.0.1:%d", origin.port);

    cr_assert(is_null(&weir, "listeners/web/tcp"));
    cr_assert(is_null(&weir, t_text("%s/tcp/proxy_side", server)));
    cr_assert(is_null(&weir, t_text("%s/tcp/server_side", server)));
    cr_assert(is_null(&weir, t_text("%s/ports/in_use", server)));
    cr_assert(is_null(&weir, t_text("%s/ports/time_wait", server)));
    cr_assert(is_null(&weir, t_text("%s/ports/available", server)));
    t_weir_await_log(&weir, "opening a netlink socket: Operation not permitted");
    /* Other configurations are other reasons to look; a reload is told of after it. */
    for (int i = 2; i < 5; i++) {
        t_weir_signal(&weir, SIGHUP);
        t_stats_await(&weir, "weir/generation", i);
        cr_assert(is_null(&weir, "listeners/web/tcp"));
    }
    t_round(&weir, &origin, NULL, "/");
    t_weir_end(&weir);
    t_assert_number("warnings", times(t_weir_log(&weir), "TCP states are not known"), 1);
}
