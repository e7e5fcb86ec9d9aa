/* SIGTERM: what is in progress finishes, nothing new comes in, and weir ends in its time with 0. */
#include "support/t_ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static struct t_origin origin;
static struct t_weir weir;

static void start(const char *shutdown_timeout, const char *pool)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){
                                  .port = origin.port,
                                  .top = t_text("shutdown_timeout: %s\n", shutdown_timeout),
                                  .pool = pool,
                              });
}

/* Tells it, and waits until no door is open any more. */
static void drain(int signal)
{
    t_weir_signal(&weir, signal);
    t_weir_await_log(&weir, "draining");
    t_tcp_await(T_TCP_LOCAL, weir.port, T_TCP_LISTEN, 0);
}

static void expect_exit(void)
{
    t_assert_number("exit status", t_process_wait(&weir.process), 0);
    t_assert_lacks(t_weir_log(&weir), "Sanitizer");
}

static void requests_finish(int signal)
{
    start("1h", NULL);
    struct t_conn *client = t_connect(weir.port);
    t_send(client, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    drain(signal);

    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)weir.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_neq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    cr_assert_eq(errno, ECONNREFUSED);
    t_assert_number("health", t_admin(&weir, "GET", "/healthz")->status, 503);
    json_t *state = t_stats_find(t_stats(&weir), "weir/state");
    t_assert_text(json_string_value(state), "draining");

    t_answer(upstream, "done");
    struct t_message *answer = t_read_response(client, "GET");
    t_assert_text(answer->body, "done");
    t_assert_text(t_field(answer, "Connection"), "close");
    t_expect_end(client);
    t_close(client);
    t_expect_any_end(upstream);
    expect_exit();
    t_assert_contains(t_weir_log(&weir), "every request is answered");
}

Test(drain, sigterm_lets_requests_finish)
{
    requests_finish(SIGTERM);
}

Test(drain, sigint_does_too)
{
    requests_finish(SIGINT);
}

Test(drain, idle_connections_end_at_once)
{
    start("1h", NULL);
    struct t_conn *client = t_connect(weir.port);
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    struct t_conn *upstream = t_accept(&origin);
    t_serve(upstream, "/");
    t_read_response(client, "GET");
    t_weir_signal(&weir, SIGTERM);
    t_expect_end(client);
    t_expect_any_end(upstream);
    expect_exit();
}

Test(drain, whoever_waits_in_the_queue_is_served)
{
    struct t_conn *clients[3];
    start("1h", "    connections: {max: 1}\n    queue: {timeout: 1h}\n");
    clients[0] = t_ask(&weir, "GET", "/0", NULL);
    struct t_conn *upstream = t_accept(&origin);
    for (int i = 1; i < 3; i++) {
        clients[i] = t_ask(&weir, "GET", t_text("/%d", i), NULL);
        t_pool_await(&weir, "queue/waiting", i);
    }
    drain(SIGTERM);
    for (int i = 0; i < 3; i++) {
        /* Connections that come free while weir drains are not kept. */
        if (i > 0)
            upstream = t_accept(&origin);
        t_serve(upstream, t_text("/%d", i));
        t_await_answer(clients[i], "GET", 200);
        t_expect_any_end(upstream);
    }
    expect_exit();
}

Test(drain, the_timeout_cuts_what_does_not_finish)
{
    start("400ms", NULL);
    struct t_conn *client = t_ask(&weir, "GET", "/never", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    int64_t since_ms = t_now_ms();
    t_weir_signal(&weir, SIGTERM);
    t_expect_any_end(client);
    cr_assert_geq(t_now_ms() - since_ms, 390);
    t_expect_any_end(upstream);
    expect_exit();
    t_assert_contains(t_weir_log(&weir), "shutdown_timeout");
}

Test(drain, the_second_signal_ends_it_at_once)
{
    start("1h", NULL);
    struct t_conn *client = t_ask(&weir, "GET", "/never", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    drain(SIGTERM);
    t_weir_signal(&weir, SIGTERM);
    t_expect_any_end(client);
    t_expect_any_end(upstream);
    expect_exit();
    t_assert_contains(t_weir_log(&weir), "second SIGTERM");
}

/* Nobody is told a lie: an answer is right, or visibly none. */
Test(drain, under_load)
{
    struct t_real_origin real;
    t_real_origin_start(&real, NULL);
    t_weir_start_shape(&weir,
                       &(struct t_shape){.port = real.port, .top = "shutdown_timeout: 30s\n"});
    struct t_load_beside beside = {.load = {.port = weir.port,
                                            .concurrency = 30,
                                            .requests = 6000,
                                            .per_connection = 5,
                                            .reset_clients = true}};
    t_load_start(&beside);
    t_stats_await_at_least(&weir, "listeners/web/requests/2xx", 1000);
    t_weir_signal(&weir, SIGTERM);
    expect_exit();
    t_load_join(&beside);
    cr_assert_geq(beside.result.ok, 1000);
    t_assert_number("wrong answers", (int64_t)beside.result.wrong, 0);
    t_assert_number("time-outs", (int64_t)beside.result.timeouts, 0);
    t_real_origin_stop(&real);
}
