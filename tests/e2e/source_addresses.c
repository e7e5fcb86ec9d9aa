/* Connections come from the `source` addresses in turn; one that is not this host's is told. */
#include "support/t_ask.h"
#include "support/t_netns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define FOREIGN "192.0.2.77" /* RFC 5737: nobody has it */

static char *peer_of(const struct t_conn *upstream)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    char text[INET6_ADDRSTRLEN];

    cr_assert_eq(getpeername(upstream->fd, (struct sockaddr *)&peer, &len), 0);
    if (peer.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&peer)->sin6_addr, text, sizeof(text));
    else
        inet_ntop(AF_INET, &((struct sockaddr_in *)&peer)->sin_addr, text, sizeof(text));
    return t_text("%s", text);
}

static void answer_and_close(struct t_conn *upstream)
{
    t_send(upstream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
}

/* A request on a connection of its own. Returns the address it came from. */
static char *came_from(struct t_weir *weir, struct t_origin *origin)
{
    struct t_conn *client = t_ask(weir, "GET", "/", NULL);
    struct t_conn *upstream = t_accept(origin);
    char *from = peer_of(upstream);

    t_read_request(upstream);
    answer_and_close(upstream);
    t_await_answer(client, "GET", 200);
    return from;
}

Test(source_addresses, in_turn)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir, &(struct t_shape){.workers = 1,
                                 .port = origin.port,
                                 .pool = "    connections: {source: [127.0.0.2, 127.0.0.3]}\n"});

    for (int i = 0; i < 3; i++) {
        t_assert_text(came_from(&weir, &origin), "127.0.0.2");
        t_assert_text(came_from(&weir, &origin), "127.0.0.3");
    }
    t_pool_assert(&weir, "connections/opened", 6);
    t_weir_end(&weir);
}

Test(source_addresses, each_server_from_those_of_its_family)
{
    t_netns_enter();
    t_netns_add_ipv6("fd00::2");
    t_netns_add_ipv6("fd00::3");
    struct t_origin four, six;
    struct t_weir weir;
    t_origin_open(&four);
    t_origin_open_on(&six, "::1");
    t_weir_start_shape(
        &weir, &(struct t_shape){
                   .workers = 1,
                   .servers = t_text("[{address: \"127.0.0.1:%d\"}, {address: \"[::1]:%d\"}]",
                                     four.port, six.port),
                   .pool = "    balance: round_robin\n"
                           "    connections: {source: [\"fd00::2\", 127.0.0.2, \"fd00::3\"]}\n"});

    int seen_2 = 0, seen_3 = 0;
    for (int i = 0; i < 4; i++) {
        t_assert_text(came_from(&weir, &four), "127.0.0.2");
        char *from = came_from(&weir, &six);
        seen_2 += strcmp(from, "fd00::2") == 0;
        seen_3 += strcmp(from, "fd00::3") == 0;
    }
    t_assert_number("from either of the two", seen_2 + seen_3, 4);
    t_weir_end(&weir);
}

Test(source_addresses, checks_come_from_them_too)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_to(&weir, origin.port,
                    "    connections: {source: [127.0.0.2, 127.0.0.3]}\n"
                    "    health: {path: /h, interval: 50ms, timeout: 10s}\n");

    for (int i = 0; i < 4; i++) {
        struct t_conn *check = t_accept(&origin);
        t_assert_text(t_read_request(check)->target, "/h");
        t_assert_text(peer_of(check), i % 2 == 0 ? "127.0.0.2" : "127.0.0.3");
        answer_and_close(check);
    }
    t_weir_end(&weir);
}

Test(source_addresses, a_check_that_weir_cannot_make_says_nothing)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_to(&weir, origin.port,
                    "    connections: {source: [" FOREIGN "]}\n"
                    "    health: {path: /h, interval: 20ms, fall: 1}\n");

    for (int i = 0; i < 3; i++)
        t_weir_await_next_log(&weir, "not checked: its source");
    json_t *state = t_stats_find(t_stats(&weir),
                                 t_text("pools/legacy/servers/127.0.0.1:%d/state", origin.port));
    t_assert_text(json_string_value(state), "up");
    t_weir_end(&weir);
}

Test(source_addresses, one_of_another_host_is_told_and_no_server_is_blamed)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_to(&weir, origin.port, "    connections: {source: [" FOREIGN "]}\n");

    for (int i = 0; i < 3; i++)
        t_assert_contains(t_await_answer(t_ask(&weir, "GET", "/", NULL), "GET", 503)->body,
                          "`source`");
    t_weir_await_log(&weir, "source " FOREIGN " is not an address of this host");
    t_assert_lacks(t_weir_log(&weir), "no local port");
    t_pool_assert(&weir, "requests/retried", 0);
    t_pool_assert(&weir, "requests/failed", 3);
    t_pool_assert(&weir, t_text("servers/127.0.0.1:%d/ports/exhausted", origin.port), 0);
    t_weir_end(&weir);
}

Test(source_addresses, one_of_another_host_beside_a_good_one_fails_no_request)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir, &(struct t_shape){.workers = 1,
                                 .port = origin.port,
                                 .pool = "    connections: {source: [" FOREIGN ", 127.0.0.2]}\n"});

    for (int i = 0; i < 4; i++)
        t_assert_text(came_from(&weir, &origin), "127.0.0.2");
    t_weir_await_log(&weir, "source " FOREIGN " is not an address of this host");
    t_pool_assert(&weir, "connections/opened", 4);
    t_weir_end(&weir);
}

Test(source_addresses, check_does_not_ask_the_host)
{
    struct t_run run = t_weir_check(T_WEIR_HEAD T_WEIR_LISTENER
                                    "pools:\n"
                                    "  legacy:\n"
                                    "    servers: [{address: \"127.0.0.1:9001\"}]\n"
                                    "    connections: {source: [" FOREIGN "]}\n");
    t_assert_number("exit status", run.status, 0);
}
