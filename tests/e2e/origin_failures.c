/* weir-origin fails in the ways it has names for, at exactly the place it says. */
#include "support/t.h"

#include <string.h>

#define POISON "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

enum ending { ENDS, RESETS, STAYS };

static struct t_real_origin origin;

/* Asks for TARGET on a fresh connection. */
static struct t_conn *ask(const char *target)
{
    struct t_conn *conn = t_connect(origin.port);
    t_sendf(conn, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
    return conn;
}

Test(origin_failures, each_fails_where_it_says)
{
    static const struct {
        const char *target;
        const char *bytes;
        enum ending ending;
    } cases[] = {
        {"/?fail=close_before_answer", "", ENDS},
        {"/?fail=reset_before_answer", "", RESETS},
        {"/?fail=close_before_answer&interim=103",
         "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n", ENDS},
        {"/?fail=close_in_head&body=hello", "HTTP/1.1 200 OK\r\nCo", ENDS},
        {"/?fail=close_in_body&body=hello", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", ENDS},
        {"/?fail=reset_in_body&body=hello", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe",
         RESETS},
        {"/?fail=close_in_body&body=hello&framing=chunked",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", ENDS},
        {"/?fail=close_in_body&body=hello&framing=chunked&chunk=1",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ne", ENDS},
        {"/?fail=reset_in_body&body=hello&framing=close",
         "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhe", RESETS},
        {"/?fail=close_in_body&body=", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ENDS},
        {"/?fail=close_after_answer_unannounced&body=x",
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", ENDS},
        {"/?fail=reset_after_answer&body=x", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
         RESETS},
        {"/?fail=extra_bytes&body=x", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx" POISON,
         STAYS},
        {"/?fail=extra_bytes&body=x&framing=chunked",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" POISON, STAYS},
    };
    t_real_origin_start(&origin, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct t_conn *conn = ask(cases[i].target);
        t_expect(conn, cases[i].bytes);
        if (cases[i].ending == ENDS)
            t_expect_end(conn);
        else if (cases[i].ending == RESETS)
            t_expect_reset(conn);
        else
            t_get(conn, "/");
        t_close(conn);
    }
    t_real_origin_stop(&origin);
}

Test(origin_failures, a_reset_in_a_big_body_comes_after_the_half)
{
    t_real_origin_start(&origin, NULL);
    struct t_conn *conn = t_connect_small(origin.port, 4096);
    t_send(conn, "GET /?size=8MiB&fail=reset_in_body HTTP/1.1\r\n\r\n");
    t_read_head(conn);
    t_expect_pattern(conn, 4 << 20, 0);
    t_expect_reset(conn);
    t_real_origin_stop(&origin);
}

Test(origin_failures, the_request_is_read_before_the_close)
{
    t_real_origin_start(&origin, "fail=close_before_answer");
    struct t_conn *conn = t_connect(origin.port);
    t_send(conn, "POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc");
    t_await_read_by_peer(conn);
    t_assert_number("requests", t_real_origin_counts(&origin).requests, 1);
    t_expect_quiet(conn, 50);
    t_send(conn, "def");
    t_expect_end(conn);
    t_real_origin_stop(&origin);
}

Test(origin_failures, close_on_next_request)
{
    t_real_origin_start(&origin, "body=x");
    struct t_conn *conn = ask("/?fail=close_on_next_request");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    t_expect_quiet(conn, 50);
    t_send(conn, "GET / HTTP/1.1\r\n\r\n");
    /* Closed with bytes unread, the kernel resets. */
    t_expect_reset(conn);
    t_assert_number("requests", t_real_origin_counts(&origin).requests, 1);
    t_real_origin_stop(&origin);
}

Test(origin_failures, talk_when_idle)
{
    t_real_origin_start(&origin, "body=x");
    struct t_conn *conn = ask("/?fail=talk_when_idle&talk_delay=1h");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    t_expect_quiet(conn, 50);
    int64_t began = t_now_ms();
    conn = ask("/?fail=talk_when_idle&talk_delay=50ms");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx" POISON);
    cr_assert_geq(t_now_ms() - began, 45);
    conn = t_connect(origin.port);
    t_send(conn, "HEAD /?fail=talk_when_idle HTTP/1.1\r\n\r\n");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" POISON);
    t_get(conn, "/");
    t_real_origin_stop(&origin);
}

Test(origin_failures, malformed_answers)
{
#define OK "HTTP/1.1 200 OK\r\n"
#define BYTES(literal) (literal), sizeof(literal) - 1
    static const struct {
        const char *name;
        const char *bytes;
        size_t len;
    } cases[] = {
        {"garbage", BYTES("\x16\x03\x01 this is not HTTP\r\n\r\n")},
        {"two_lengths", BYTES(OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")},
        {"length_and_chunked", BYTES(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
                                        "5\r\nhello\r\n0\r\n\r\n")},
        {"bad_length", BYTES(OK "Content-Length: 5x\r\n\r\nhello")},
        {"negative_length", BYTES(OK "Content-Length: -5\r\n\r\nhello")},
        {"bad_chunk_size", BYTES(OK "Transfer-Encoding: chunked\r\n\r\n"
                                    "xyz\r\nhello\r\n0\r\n\r\n")},
        {"chunk_no_crlf", BYTES(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello!!0\r\n\r\n")},
        {"bare_lf", BYTES("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello")},
        {"bare_cr", BYTES(OK "X-Bad: one\rContent-Length: 50\r\nContent-Length: 5\r\n\r\nhello")},
        {"nul_in_header", BYTES(OK "X-Bad: one\0two\r\nContent-Length: 5\r\n\r\nhello")},
        {"obs_fold", BYTES(OK "X-Bad: one\r\n two\r\nContent-Length: 5\r\n\r\nhello")},
        {"space_before_colon", BYTES(OK "Content-Length : 5\r\n\r\nhello")},
        {"no_colon", BYTES(OK "X-Bad\r\nContent-Length: 5\r\n\r\nhello")},
        {"bad_status", BYTES("HTTP/1.1 2OO OK\r\nContent-Length: 5\r\n\r\nhello")},
        {"status_99", BYTES("HTTP/1.1 99 Low\r\nContent-Length: 5\r\n\r\nhello")},
        {"http2_version", BYTES("HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")},
        {"te_gzip", BYTES(OK "Transfer-Encoding: gzip\r\n\r\nhello")},
        {"unasked_101", BYTES("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                              "Upgrade: unknown\r\n\r\n")},
    };
    t_real_origin_start(&origin, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct t_conn *conn = ask(t_text("/?bad=%s", cases[i].name));
        t_expect_bytes(conn, cases[i].bytes, cases[i].len);
        /* It stays open: whoever talks to it has to notice by himself. */
        t_get(conn, "/");
        t_close(conn);
        conn = ask(t_text("/?bad=%s&connection=close", cases[i].name));
        t_expect_bytes(conn, cases[i].bytes, cases[i].len);
        t_expect_end(conn);
    }
    struct t_conn *conn = ask("/?bad=http09");
    t_expect(conn, "<p>hello from 1991</p>\n");
    t_expect_end(conn);
    t_real_origin_stop(&origin);
}

Test(origin_failures, heads_beyond_all_limits)
{
    t_real_origin_start(&origin, NULL);
    struct t_conn *conn = ask("/?bad=huge_head");
    struct t_message *answer = t_read_response(conn, "GET");
    t_assert_number("length", (int64_t)strlen(t_field(answer, "X-Huge")), 1 << 20);
    t_assert_text(answer->body, "hello");
    conn = ask("/?bad=many_headers");
    answer = t_read_response(conn, "GET");
    t_assert_number("fields", (int64_t)answer->field_count, 10001);
    t_assert_text(answer->body, "hello");
    t_real_origin_stop(&origin);
}
