/* Health checks ask what is configured, on connections of their own, and judge by the answer. */
#include "support/t_health.h"

#include <string.h>

static struct t_origin origin;
static struct t_weir weir;

/* A check that is not answered stays open for as long as the test looks. */
static void open_with(const char *health, const char *connections)
{
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir, &(struct t_shape){.port = origin.port,
                                 .pool = t_text("    health: {interval: 10ms, timeout: 1h%s}\n%s",
                                                health, connections)});
}

static void state_is(const char *state)
{
    t_server_assert_state(&weir, origin.port, state);
}

/* A new check begins only when the one before has been judged. */
static struct t_conn *answer(struct t_conn *check, const char *text)
{
    t_read_head(check);
    t_send(check, text);
    t_close(check);
    return t_accept(&origin);
}

static const char *version(void)
{
    return json_string_value(t_stats_find(t_stats(&weir), "weir/version"));
}

static void expect_question(struct t_conn *check, const char *path, const char *host)
{
    t_expectf(check,
              "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: weir/%s (health check)\r\n"
              "Accept: */*\r\n\r\n",
              path, host, version());
}

static void nothing_is_counted(void)
{
    t_pool_assert(&weir, "connections/opened", 0);
    t_pool_assert(&weir, "connections/idle", 0);
    t_pool_assert(&weir, "requests/total", 0);
    t_stats_assert(&weir, "listeners/web/requests/total", 0);
}

Test(health_probes, ask_and_leave_no_time_wait)
{
    open_with("", "");
    for (int i = 0; i < 10; i++) {
        struct t_conn *check = t_accept(&origin);
        expect_question(check, "/healthz", t_text("127.0.0.1:%d", origin.port));
        t_answer(check, "fine");
        t_expect_reset(check);
        t_close(check);
    }
    nothing_is_counted();
    t_assert_number("TIME_WAIT", t_tcp_count(T_TCP_LOCAL, origin.port, T_TCP_TIME_WAIT), 0);
    t_assert_number("TIME_WAIT", t_tcp_count(T_TCP_REMOTE, origin.port, T_TCP_TIME_WAIT), 0);
    t_weir_end(&weir);
}

/* A host that stood still, or control that was busy, is not the server's fault: an answer that has
 * come in time counts, however late it is looked at. Once down the server would stay so. */
Test(health_probes, an_answer_that_waits_for_weir_is_in_time)
{
    enum { TIMEOUT_MS = 2000 };
    t_origin_open(&origin);
    int64_t since_ms = t_now_ms();
    t_weir_start_shape(
        &weir, &(struct t_shape){.port = origin.port,
                                 .pool = "    health: {interval: 10ms, timeout: 2s, rise: 1000, "
                                         "fall: 1}\n"});
    struct t_conn *check = t_accept(&origin);
    t_read_head(check);
    t_weir_freeze(&weir);
    (void)t_try_send(check, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38);
    if (t_now_ms() - since_ms >= TIMEOUT_MS) {
        t_process_kill(&weir.process);
        cr_skip_test("this machine is too slow for an answer in time");
    }
    for (int64_t until_ms = t_now_ms() + TIMEOUT_MS + 500; t_now_ms() < until_ms;)
        t_nap();
    t_weir_thaw(&weir);
    t_read_head(t_accept(&origin));
    state_is("up");
    t_weir_end(&weir);
}

Test(health_probes, path_host_and_end_are_as_configured)
{
    open_with(", path: \"/a/b?c=d\", host: \"health.example:81\"",
              "    connections: {close: fin}\n");
    for (int i = 0; i < 3; i++) {
        struct t_conn *check = t_accept(&origin);
        expect_question(check, "/a/b?c=d", "health.example:81");
        t_answer(check, "fine");
        t_expect_end(check);
        t_close(check);
    }
    nothing_is_counted();
    t_weir_end(&weir);
}

#define GOOD_END "Content-Length: 0\r\n\r\n"

Test(health_probes, answers_that_are_good)
{
    static const char *const goods[] = {
        "HTTP/1.1 200 OK\r\n" GOOD_END,
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /\r\n" GOOD_END,
        "HTTP/1.1 399 Odd\r\n" GOOD_END,
        "HTTP/1.0 200 OK\r\n\r\nup to the end",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: t\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk",
        "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nonly this",
        "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
        "HTTP/1.1 200 OK\r\n" GOOD_END,
        "HTTP/1.1 200 OK\r\n" GOOD_END "HTTP/1.1 500 Unasked\r\n" GOOD_END,
    };

    open_with(", rise: 1, fall: 1", "");
    struct t_conn *check = t_accept(&origin);
    for (size_t i = 0; i < sizeof(goods) / sizeof(*goods); i++) {
        check = answer(check, "HTTP/1.1 503 No\r\n" GOOD_END);
        state_is("down");
        check = answer(check, goods[i]);
        if (strcmp(t_server_state(&weir, origin.port), "up") != 0)
            cr_assert_fail("not good: %s", goods[i]);
    }
    nothing_is_counted();
    t_weir_end(&weir);
}

Test(health_probes, answers_that_are_bad)
{
    static const char *const bads[] = {
        "HTTP/1.1 400 Bad\r\n" GOOD_END,
        "HTTP/1.1 404 Not Found\r\n" GOOD_END,
        "HTTP/1.1 500 No\r\n" GOOD_END,
        "HTTP/1.1 599 Odd\r\n" GOOD_END,
        "",
        "H",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 20 OK\r\n" GOOD_END,
        "HTTP/2 200 OK\r\n" GOOD_END,
        "220 mail.example ESMTP\r\n",
        "\x15\x03\x01\x00\x02\x02\x16",
        "<html>no head at all</html>\r\n\r\n",
    };

    open_with(", rise: 1, fall: 1", "");
    struct t_conn *check = t_accept(&origin);
    for (size_t i = 0; i < sizeof(bads) / sizeof(*bads); i++) {
        check = answer(check, bads[i]);
        if (strcmp(t_server_state(&weir, origin.port), "down") != 0)
            cr_assert_fail("not bad: %s", bads[i]);
        check = answer(check, "HTTP/1.1 200 OK\r\n" GOOD_END);
        state_is("up");
    }
    nothing_is_counted();
    t_weir_end(&weir);
}

Test(health_probes, expect_says_which_statuses_are_good)
{
    static const struct {
        int status;
        bool is_good;
    } rows[] = {{200, true}, {204, false}, {404, true}, {500, false},
                {501, true}, {510, true},  {511, false}};

    open_with(", rise: 1, fall: 1, expect: \"200,404,501-510\"", "");
    struct t_conn *check = t_accept(&origin);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        /* From the other state, so that it must change. */
        check = answer(check, rows[i].is_good ? "" : "HTTP/1.1 200 OK\r\n" GOOD_END);
        state_is(rows[i].is_good ? "down" : "up");
        check = answer(check, t_text("HTTP/1.1 %d X\r\n%s", rows[i].status,
                                     rows[i].status == 204 ? "\r\n" : GOOD_END));
        state_is(rows[i].is_good ? "up" : "down");
    }
    t_weir_end(&weir);
}

Test(health_probes, rise_and_fall_are_counted_in_a_row)
{
    static const char steps[] = "--+--+----+-++-++---";
    /* The state behind each step with fall: 3, rise: 2. */
    static const char states[] = "uuuuuuuuddddduuuuuud";

    open_with(", rise: 2, fall: 3", "");
    struct t_conn *check = t_accept(&origin);
    for (size_t i = 0; steps[i]; i++) {
        check = answer(check, steps[i] == '+' ? "HTTP/1.1 200 OK\r\n" GOOD_END : "");
        const char *state = states[i] == 'u' ? "up" : "down";
        if (strcmp(t_server_state(&weir, origin.port), state) != 0)
            cr_assert_fail("not %s behind step %zu", state, i);
    }
    t_weir_end(&weir);
}

Test(health_probes, an_answer_may_come_in_pieces)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\n" GOOD_END;

    open_with(", rise: 1, fall: 1", "");
    struct t_conn *check = answer(t_accept(&origin), "");
    state_is("down");
    t_read_head(check);
    t_send_in_pieces(check, text, sizeof(text) - 1, 1);
    t_expect_reset(check);
    t_accept(&origin);
    state_is("up");
    t_weir_end(&weir);
}

/* Judged at its head; the rest is read so that the server sees no reset in it, but not for ever. */
Test(health_probes, a_body_without_end_is_left)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
    };
    static char block[16 * 1024];

    open_with(", rise: 1, fall: 1", "");
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        struct t_conn *check = answer(t_accept(&origin), "");
        state_is("down");
        t_read_head(check);
        t_send(check, heads[i]);
        int blocks = 0;
        while (t_try_send(check, block, sizeof(block)))
            blocks++;
        cr_assert_geq(blocks, 16, "it is read for a while: %d blocks", blocks);
        t_await_read_by_peer(check);
        t_reset(check);
        t_server_await_state(&weir, origin.port, "up");
        t_reset(t_accept(&origin));
        t_server_await_state(&weir, origin.port, "down");
    }
    t_weir_end(&weir);
}

Test(health_probes, a_head_without_end_is_bad)
{
    open_with(", rise: 1, fall: 1", "");
    struct t_conn *check = t_accept(&origin);
    t_read_head(check);
    t_send(check, "HTTP/1.1 200 OK\r\nX: ");
    static char block[1024];
    memset(block, 'x', sizeof(block));
    for (int i = 0; i < 64 && t_try_send(check, block, sizeof(block)); i++)
        continue;
    t_expect_any_end(check);
    t_server_await_state(&weir, origin.port, "down");
    t_weir_end(&weir);
}

Test(health_probes, no_answer_in_time_is_bad)
{
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir, &(struct t_shape){.port = origin.port,
                                 .pool = "    health: {interval: 10ms, timeout: 40ms, fall: 3}\n"});
    /* Silent, silent in the middle of the head, and behind an interim answer. */
    static const char *const parts[] = {"", "HTTP/1.1 200 OK\r\nX",
                                        "HTTP/1.1 100 Continue\r\n\r\n"};
    for (int i = 0; i < 3; i++) {
        struct t_conn *check = t_accept(&origin);
        if (t_try_send(check, parts[i], strlen(parts[i])))
            t_read_to_any_end(check, NULL);
    }
    t_server_await_state(&weir, origin.port, "down");
    t_weir_await_log(&weir, "down: 3 checks in a row failed, the last: no answer within 40 ms");
    t_weir_end(&weir);
}

Test(health_probes, who_refuses_is_down_and_comes_up_again)
{
    struct t_moody moody;
    t_moody_open(&moody);
    t_weir_start_shape(&weir, &(struct t_shape){.port = moody.origin.port,
                                                .pool = "    health: {interval: 10ms}\n"});
    for (int i = 0; i < 2; i++) {
        int checks = atomic_load(&moody.checks);
        t_await_count(&moody.checks, checks + 2);
        t_moody_leave(&moody);
        t_server_await_state(&weir, moody.origin.port, "down");
        t_moody_return(&moody);
        t_server_await_state(&weir, moody.origin.port, "up");
    }
    t_weir_await_log(&weir, "connecting failed: Connection refused");
    nothing_is_counted();
    t_weir_end(&weir);
    t_moody_leave(&moody);
}

Test(health_probes, one_at_a_time_and_a_hanging_one_delays_no_end)
{
    open_with("", "");
    struct t_conn *check = t_accept(&origin);
    t_read_head(check);
    /* Many intervals pass: each look at the figures takes some of it. */
    int64_t end = t_now_ms() + 100;
    while (t_now_ms() < end)
        state_is("up");
    t_assert_number("checks", t_origin_connections(&origin), 1);
    t_weir_stop(&weir);
    t_expect_any_end(check);
}
