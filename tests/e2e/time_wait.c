/* With close: reset no server is left a TIME_WAIT, whoever closes; with close: fin the closer is.
 * ctest: serial */
#include "support/t_ask.h"

enum { REQUESTS = 60 };

static const char reset[] = "    connections: {close: reset, max_requests: 5}\n";
static const char fin[] = "    connections: {close: fin, max_requests: 5}\n";

/* REQUESTS one-shots to a server of that mood. Returns the kernel's TIME_WAIT sockets. */
static void run(const char *mood, const char *pool, int *at_server, int *at_weir)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, mood);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port, .pool = pool});

    for (int i = 0; i < REQUESTS; i++)
        t_assert_number("size", (int64_t)t_one_shot(&weir, "/?size=100")->body_len, 100);
    t_weir_assert_no_leak(&weir);
    t_weir_stop(&weir);
    /* All of the connections' ends have been seen once none is in any other state. */
    t_tcp_await(T_TCP_LOCAL, origin.port, T_TCP_ESTABLISHED, 0);
    t_tcp_await(T_TCP_LOCAL, origin.port, T_TCP_CLOSE_WAIT, 0);
    t_tcp_await(T_TCP_LOCAL, origin.port, T_TCP_FIN_WAIT2, 0);
    t_tcp_await(T_TCP_LOCAL, origin.port, T_TCP_LAST_ACK, 0);
    *at_server = t_tcp_count(T_TCP_LOCAL, origin.port, T_TCP_TIME_WAIT);
    *at_weir = t_tcp_count(T_TCP_REMOTE, origin.port, T_TCP_TIME_WAIT);
    t_real_origin_stop(&origin);
}

static void leaves_none(const char *mood)
{
    int at_server, at_weir;
    run(mood, reset, &at_server, &at_weir);
    t_assert_number("TIME_WAIT at the server", at_server, 0);
    t_assert_number("TIME_WAIT at weir", at_weir, 0);
}

Test(time_wait, reset_a_server_that_keeps_connections)
{
    leaves_none("framing=length");
}

Test(time_wait, reset_a_server_that_closes_after_each_answer)
{
    leaves_none("connection=close");
}

Test(time_wait, reset_a_server_whose_end_is_the_end_of_the_answer)
{
    leaves_none("framing=close");
}

Test(time_wait, reset_an_http10_server)
{
    leaves_none("version=1.0");
}

Test(time_wait, reset_a_server_that_closes_unannounced)
{
    leaves_none("fail=close_after_answer_unannounced");
}

Test(time_wait, reset_a_server_that_drops_idle_connections)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, "keepalive_timeout=20ms");
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});
    for (int i = 1; i <= 5; i++) {
        t_one_shot(&weir, "/");
        t_pool_await(&weir, "connections/idle", 0);
    }
    t_weir_end(&weir);
    t_assert_number("TIME_WAIT", t_tcp_count(T_TCP_LOCAL, origin.port, T_TCP_TIME_WAIT), 0);
    t_real_origin_stop(&origin);
}

/* weir closes first: the TIME_WAIT is its own, one for each connection. */
Test(time_wait, fin_leaves_it_to_weir_where_weir_closes)
{
    int at_server, at_weir;
    run("framing=length", fin, &at_server, &at_weir);
    t_assert_number("TIME_WAIT at the server", at_server, 0);
    t_assert_number("TIME_WAIT at weir", at_weir, REQUESTS / 5);
}

Test(time_wait, fin_leaves_it_to_the_server_where_the_server_closes)
{
    int at_server, at_weir;
    run("framing=close", fin, &at_server, &at_weir);
    t_assert_number("TIME_WAIT at the server", at_server, REQUESTS);
    t_assert_number("TIME_WAIT at weir", at_weir, 0);
}

/* The figure of /stats tells the same story. */
Test(time_wait, what_was_avoided_is_counted)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, "framing=close");
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});
    for (int i = 0; i < 10; i++)
        t_one_shot(&weir, "/?size=10");
    t_pool_assert(&weir, "time_wait_avoided", 10);
    t_weir_end(&weir);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port, .pool = fin});
    for (int i = 0; i < 10; i++)
        t_one_shot(&weir, "/?size=10");
    t_pool_assert(&weir, "time_wait_avoided", 0);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}
