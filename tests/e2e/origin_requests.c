/* weir-origin reads requests of every framing to their end, and counts what it saw. */
#include "support/t.h"

#include <string.h>

static struct t_real_origin origin;

Test(origin_requests, bodies_are_read_and_echoed)
{
    t_real_origin_start(&origin, "echo=1");
    struct t_conn *conn = t_connect(origin.port);
    t_send(conn, "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    t_send(conn, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "5;ext=\"a\"\r\nhello\r\n00A\r\n, world!!!\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n");
    t_expect(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5\r\nhello\r\na\r\n, world!!!\r\n0\r\n\r\n");
    t_send(conn, "GET / HTTP/1.1\r\n\r\n");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    t_send(conn, "HEAD / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /?dump=1 HTTP/1.1\r\n\r\n");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
                   "HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\nGET /?dump=1 HTTP/1.1\r\n\r\n");
    t_send(conn, "POST /?framing=close HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "2\r\nab\r\n0\r\n\r\n");
    t_expect(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab");
    t_expect_end(conn);
    t_real_origin_stop(&origin);
}

Test(origin_requests, a_body_is_echoed_while_it_comes)
{
    t_real_origin_start(&origin, "echo=1");
    struct t_conn *conn = t_connect(origin.port);
    t_send(conn, "POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
    t_send(conn, "def");
    t_expect(conn, "def");
    t_real_origin_stop(&origin);
}

Test(origin_requests, any_split_reads_the_same)
{
    static const char requests[] =
        "POST /?echo=1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n"
        "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nwxyz"
        "GET /?body=last HTTP/1.1\r\n\r\n";
    t_real_origin_start(&origin, "body=x");
    for (size_t piece = 1; piece < 8; piece++) {
        struct t_conn *conn = t_connect(origin.port);
        t_send_in_pieces(conn, requests, sizeof(requests) - 1, piece);
        t_assert_text(t_read_response(conn, "POST")->body, "abc");
        t_assert_text(t_read_response(conn, "POST")->body, "x");
        t_assert_text(t_read_response(conn, "GET")->body, "last");
        t_close(conn);
    }
    t_real_origin_stop(&origin);
}

Test(origin_requests, pipelined_requests_are_answered_in_order)
{
    enum { COUNT = 500 };
    t_real_origin_start(&origin, NULL);
    struct t_conn *conn = t_connect(origin.port);
    for (int i = 0; i < COUNT; i++)
        t_sendf(conn, "GET /?body=%d HTTP/1.1\r\n\r\n", i);
    for (int i = 0; i < COUNT; i++)
        t_assert_text(t_read_response(conn, "GET")->body, t_text("%d", i));
    t_real_origin_stop(&origin);
}

Test(origin_requests, a_big_upload_is_read_to_its_end)
{
    enum { SIZE = 20 << 20 };
    t_real_origin_start(&origin, "body=done");
    struct t_conn *conn = t_connect(origin.port);
    t_sendf(conn, "PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n", SIZE);
    t_send_pattern(conn, SIZE, 0);
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
    t_real_origin_stop(&origin);
}

Test(origin_requests, expectations_are_met_unless_told_otherwise)
{
    static const char head[] = "POST /?%s HTTP/1.1\r\nExpect: 100-continue\r\n"
                               "Content-Length: 3\r\n\r\n";
    t_real_origin_start(&origin, "body=x");
    struct t_conn *conn = t_connect(origin.port);
    t_sendf(conn, head, "");
    t_expect(conn, "HTTP/1.1 100 Continue\r\n\r\n");
    t_send(conn, "abc");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");

    t_sendf(conn, head, "continue=0");
    t_await_read_by_peer(conn);
    t_expect_quiet(conn, 50);
    t_send(conn, "abc");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");

    t_sendf(conn, head, "early=1&status=417&connection=close");
    t_expect(conn, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 1\r\n"
                   "Connection: close\r\n\r\nx");
    t_expect_end(conn);
    t_real_origin_stop(&origin);
}

Test(origin_requests, early_answers_do_not_wait_for_the_body)
{
    t_real_origin_start(&origin, "early=1&body=x");
    struct t_conn *conn = t_connect(origin.port);
    t_send(conn, "POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    t_send(conn, "defGET /?body=next HTTP/1.1\r\n\r\n");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");

    /* With a close it goes on reading, so that no reset overtakes the answer… */
    t_send(conn, "POST /?connection=close HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    t_expect_end(conn);
    t_send_pattern(conn, 100000, 0);
    t_await_read_by_peer(conn);

    /* … unless it was told not to. */
    conn = t_connect(origin.port);
    t_send(conn, "POST /?connection=close&linger=0 HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    t_expect_end(conn);
    uint64_t received, unread;
    t_try_send(conn, "abc", 3);
    int64_t deadline = t_deadline_ms();
    while (t_tcp_peer(conn->fd, &received, &unread) && t_left_ms(deadline))
        t_nap();
    cr_assert_not(t_tcp_peer(conn->fd, &received, &unread), "the origin still has the connection");
    t_close(conn);
    t_real_origin_stop(&origin);
}

Test(origin_requests, what_is_no_request_is_refused)
{
    static const char *const requests[] = {
        "this is nothing\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.1\r\nX : 1\r\n\r\n",
        "GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\nX: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
    };
    t_real_origin_start(&origin, NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct t_conn *conn = t_connect(origin.port);
        t_send(conn, requests[i]);
        t_assert_number(requests[i], t_read_response(conn, "POST")->status, 400);
        t_expect_end(conn);
        t_close(conn);
    }
    t_real_origin_stop(&origin);
}

Test(origin_requests, connections_and_requests_are_counted)
{
    t_real_origin_start_with(&origin, "body=x", "--threads", "2", NULL);
    struct t_conn *first = t_connect(origin.port);
    t_get(first, "/");
    t_get(first, "/");
    t_send(first, "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    t_read_response(first, "POST");
    struct t_conn *second = t_connect(origin.port);
    t_get(second, "/");
    struct t_origin_counts counts = t_real_origin_counts(&origin);
    t_assert_number("accepted", counts.accepted, 2);
    t_assert_number("open", counts.open, 2);
    t_assert_number("open_max", counts.open_max, 2);
    t_assert_number("requests", counts.requests, 4);
    t_assert_number("posts", counts.posts, 1);
    t_assert_number("aborted", counts.aborted, 0);

    t_close(second);
    int64_t deadline = t_deadline_ms();
    while ((counts = t_real_origin_counts(&origin)).open != 1 && t_left_ms(deadline))
        t_nap();
    t_assert_number("open", counts.open, 1);
    t_real_origin_reset_counts(&origin);
    counts = t_real_origin_counts(&origin);
    t_assert_number("accepted", counts.accepted, 0);
    t_assert_number("open", counts.open, 1);
    t_assert_number("open_max", counts.open_max, 1);
    t_assert_number("requests", counts.requests, 0);
    t_real_origin_stop(&origin);
}

/* Waits until so many requests were aborted. */
static void await_aborted(int64_t count)
{
    int64_t deadline = t_deadline_ms();
    struct t_origin_counts counts;
    while ((counts = t_real_origin_counts(&origin)).aborted != count && t_left_ms(deadline))
        t_nap();
    t_assert_number("aborted", counts.aborted, count);
}

Test(origin_requests, peers_that_give_up_are_counted)
{
    t_real_origin_start(&origin, NULL);
    static const char *const requests[] = {
        "GET / HT",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
        "GET /?delay=1h HTTP/1.1\r\n\r\n",
        "GET /?body_delay=1h HTTP/1.1\r\n\r\n",
        "GET /?size=1GiB HTTP/1.1\r\n\r\n",
        "POST /?echo=1 HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
    };
    enum { COUNT = sizeof(requests) / sizeof(requests[0]) };
    for (int i = 0; i < COUNT * 2; i++) {
        struct t_conn *conn = t_connect(origin.port);
        t_send(conn, requests[i / 2]);
        t_await_read_by_peer(conn);
        if (i % 2)
            t_reset(conn);
        else
            t_close(conn);
        await_aborted(i + 1);
    }
    /* One that only shuts down its sending side may be told from one that leaves. */
    struct t_conn *conn = t_connect(origin.port);
    t_send(conn, "GET /?delay=100ms&half_close=1&body=x HTTP/1.1\r\n\r\n");
    t_half_close(conn);
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    t_expect_end(conn);
    await_aborted(2 * COUNT);
    t_real_origin_stop(&origin);
}
