/* An address that vanishes from its name drains: what is in flight is answered, what is idle is
 * closed, and no request fails. */
#include "support/t_ask.h"

#include <stdlib.h>
#include <string.h>

static struct t_dns dns;
static struct t_weir weir;
static struct t_origin origins[2];

static const char both[] = "fleet.test 1 A 127.0.0.1\nfleet.test 1 A 127.0.0.2\n";
static const char first[] = "fleet.test 1 A 127.0.0.1\n";
static const char second[] = "fleet.test 1 A 127.0.0.2\n";

static void start(const char *zone, int port)
{
    t_dns_open(&dns);
    struct t_shape shape = {.workers = 2,
                            .servers = t_text("[{address: \"fleet.test:%d\"}]", port),
                            .pool = "    balance: round_robin\n    retry: {attempts: 0}\n",
                            .top = t_dns_yaml(&dns, "10s")};
    t_dns_set(&dns, "%s", zone);
    t_weir_start_shape(&weir, &shape);
}

static void open_origins(void)
{
    t_origin_open(&origins[0]);
    t_origin_open_at(&origins[1], "127.0.0.2", origins[0].port);
}

Test(names_vanish, idle_connections_are_closed)
{
    open_origins();
    start(second, origins[0].port);
    struct t_conn *idle = t_round(&weir, &origins[1], NULL, "/1");
    t_dns_set(&dns, "%s", first);
    t_expect_any_end(idle);
    t_stats_await(&weir, "weir/revision", 2);
    t_stats_await_size(&weir, "pools/legacy/servers", 1);
    t_round(&weir, &origins[0], NULL, "/2");
    t_weir_end(&weir);
}

Test(names_vanish, a_request_in_flight_is_answered)
{
    open_origins();
    start(second, origins[0].port);
    struct t_conn *client = t_ask(&weir, "POST", "/slow", "Content-Length: 4\r\n");
    t_send(client, "bo");
    struct t_conn *upstream = t_accept(&origins[1]);
    t_read_head(upstream);
    t_expect(upstream, "bo");

    t_dns_set(&dns, "%s", first);
    t_stats_await(&weir, "weir/revision", 2);
    t_round(&weir, &origins[0], NULL, "/after");
    t_send(client, "dy");
    t_expect(upstream, "dy");
    t_answer(upstream, "done");
    t_assert_text(t_await_answer(client, "POST", 200)->body, "done");
    t_expect_any_end(upstream);
    t_weir_end(&weir);
}

Test(names_vanish, one_that_comes_back_is_used_again)
{
    open_origins();
    start(both, origins[0].port);
    t_dns_set(&dns, "%s", first);
    t_stats_await(&weir, "weir/revision", 2);
    struct t_conn *kept = t_round(&weir, &origins[0], NULL, "/1");
    t_dns_set(&dns, "%s", second);
    t_expect_any_end(kept);
    t_stats_await(&weir, "weir/revision", 3);
    t_round(&weir, &origins[1], NULL, "/2");
    t_weir_end(&weir);
}

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void serve(struct t_served_request *request, void *user)
{
    (void)user;
    request->answer = answer;
    request->answer_len = strlen(answer);
}

static void make(struct t_load_request *request, bool close, void *user)
{
    (void)user;
    strcpy(request->method, "GET");
    request->data = strdup(close ? "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                                 : "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    request->len = strlen(request->data);
}

static bool check(const struct t_load_request *request, const struct t_message *message, void *user)
{
    (void)request;
    (void)user;
    return message->status == 200;
}

/* Retries are off: not one request may go where nobody is any more. */
Test(names_vanish, no_request_fails_under_load)
{
    static const char *const zones[] = {first, both, second, both};
    open_origins();
    start(both, origins[0].port);
    for (int i = 0; i < 2; i++)
        t_origin_serve(&origins[i], serve, NULL);
    struct t_load load = {.port = weir.port,
                          .concurrency = 10,
                          .requests = 300,
                          .reset_clients = true,
                          .make = make,
                          .check = check};
    for (int i = 0; i < 4; i++) {
        t_dns_set(&dns, "%s", zones[i]);
        do {
            struct t_load_result result = t_load_run(&load);
            t_load_assert_ok(&load, &result);
        } while (t_stats_number(&weir, "weir/revision") < i + 2);
    }
    t_weir_end(&weir);
}
