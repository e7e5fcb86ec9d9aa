/* weir-origin answers as it was told, byte for byte. */
#include "support/t.h"

#include <string.h>

#define HELLO "hello from weir-origin\n"
#define GET_ROOT "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

/* One request and the exact bytes of its answer; after "…\r\n\r\n" of it nothing more must come. */
struct exchange {
    const char *target;
    const char *answer;
};

static struct t_real_origin origin;

static void start(const char *defaults)
{
    t_real_origin_start(&origin, defaults);
}

static void stop(void)
{
    t_real_origin_stop(&origin);
}

/* Asks for TARGET on a fresh connection. */
static struct t_conn *ask(const char *target)
{
    struct t_conn *conn = t_connect(origin.port);
    t_sendf(conn, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
    return conn;
}

/* The connection answers another request: it was kept, and nothing is left over on it. */
static void assert_kept(struct t_conn *conn)
{
    t_send(conn, "GET /?version=1.1&connection=usual&framing=length&body=next HTTP/1.1\r\n\r\n");
    t_assert_text(t_read_response(conn, "GET")->body, "next");
}

Test(origin_moods, answers_on_a_kept_connection)
{
    static const struct exchange exchanges[] = {
        {"/", "HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n" HELLO},
        {"/any/path?", "HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n" HELLO},
        {"/?body=a+b%21%0a", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na b!\n"},
        {"/?body=", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
        {"/?size=0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
        {"/?size=20", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nweir origin 000\nweir"},
        {"/?size=8&seed=12", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n000\nweir"},
        {"/?body=hello&framing=chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                         "5\r\nhello\r\n0\r\n\r\n"},
        {"/?body=hello&framing=chunked&chunk=2&trailer=X-A:1&trailer=X-B:+2",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\nhe\r\n2\r\nll\r\n1\r\no\r\n0\r\nX-A: 1\r\nX-B:  2\r\n\r\n"},
        {"/?body=&framing=chunked",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {"/?status=404&body=", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
        {"/?status=599&reason=Odd+One&body=", "HTTP/1.1 599 Odd One\r\nContent-Length: 0\r\n\r\n"},
        {"/?status=200&reason=&body=", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"},
        {"/?status=204", "HTTP/1.1 204 No Content\r\n\r\n"},
        {"/?status=304&framing=chunked", "HTTP/1.1 304 Not Modified\r\n\r\n"},
        {"/?body=&header=X-One:1&header=x-two:a%3ab",
         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-One: 1\r\nx-two: a:b\r\n\r\n"},
        {"/?interim=100&interim=102&interim=103&body=",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
         "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
        {"/?announce=1&body=",
         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"},
        {"/?keepalive_timeout=5s&body=",
         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: timeout=5\r\n\r\n"},
        {"/?keepalive_timeout=90s&keepalive_requests=100&announce=1&body=",
         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n"
         "Keep-Alive: timeout=90, max=99\r\n\r\n"},
        {"/?keepalive_timeout=90s&keepalive_requests=100&announce=0&body=",
         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
        {"/?version=1.0&connection=keep&body=",
         "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"},
        {"/?n=1&id=2&body=", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
    };
    start(NULL);
    for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++) {
        struct t_conn *conn = ask(exchanges[i].target);
        t_expect(conn, exchanges[i].answer);
        assert_kept(conn);
        t_close(conn);
    }
    stop();
}

Test(origin_moods, answers_that_end_the_connection)
{
    static const struct exchange exchanges[] = {
        {"/?body=x&connection=close",
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"},
        {"/?body=x&connection=close&announce=0", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"},
        {"/?body=x&framing=close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx"},
        {"/?body=x&framing=close&announce=0", "HTTP/1.1 200 OK\r\n\r\nx"},
        {"/?body=x&version=1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"},
        {"/?body=x&version=1.0&framing=close", "HTTP/1.0 200 OK\r\n\r\nx"},
        {"/?body=x&version=1.0&announce=1",
         "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"},
        {"/?body=x&keepalive_requests=1",
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"},
        {"/?fail=close_after_answer_unannounced&body=x",
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"},
    };
    start(NULL);
    for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++) {
        struct t_conn *conn = ask(exchanges[i].target);
        t_expect(conn, exchanges[i].answer);
        t_expect_end(conn);
    }
    stop();
}

Test(origin_moods, the_command_line_sets_the_default_and_a_query_overrides_it)
{
    start("size=4&framing=chunked&header=X-D:1&connection=close");
    struct t_conn *conn = ask("/");
    t_expect(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
                   "X-D: 1\r\n\r\n4\r\nweir\r\n0\r\n\r\n");
    t_expect_end(conn);
    conn = ask("/?body=own&framing=length&connection=usual&header=X-Q:2");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-D: 1\r\nX-Q: 2\r\n\r\nown");
    t_send(conn, GET_ROOT);
    t_assert_text(t_read_response(conn, "GET")->body, "weir");
    t_expect_end(conn);
    stop();
}

Test(origin_moods, a_parameter_nobody_knows_is_refused)
{
    start(NULL);
    struct t_conn *conn = ask("/?siez=4");
    struct t_message *answer = t_read_response(conn, "GET");
    t_assert_number("status", answer->status, 400);
    t_assert_contains(answer->body, "\"siez\"");
    t_expect_end(conn);
    conn = ask("/?delay=4");
    answer = t_read_response(conn, "GET");
    t_assert_number("status", answer->status, 400);
    t_assert_contains(answer->body, "delay=4: should be DUR");
    stop();
}

Test(origin_moods, the_command_line_is_checked)
{
    const char *binary = getenv("WEIR_ORIGIN");
#ifdef WEIR_ORIGIN
    binary = binary ? binary : WEIR_ORIGIN;
#endif
    const char *const wrong[][4] = {
        {binary, NULL},
        {binary, "--listen", "localhost", NULL},
        {binary, "--listen", "127.0.0.1:70000", NULL},
        {binary, "--unknown", NULL},
        {binary, "stray", NULL},
        {binary, "--default", "size=x", NULL},
        {binary, "--threads", "0", NULL},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct t_run run = t_run(wrong[i]);
        t_assert_number("status", run.status, 2);
        t_assert_contains(run.err, "weir-origin: ");
        t_assert_text(run.out, "");
    }
    const char *help[] = {binary, "--help", NULL};
    struct t_run run = t_run(help);
    t_assert_number("status", run.status, 0);
    t_assert_contains(run.out, "keepalive_timeout=DUR");
    t_assert_contains(run.out, "close_on_next_request");
    t_assert_contains(run.out, "space_before_colon");
}

Test(origin_moods, a_big_body_is_the_pattern_in_every_framing)
{
    static const char *const framings[] = {"length", "chunked", "close"};
    enum { SIZE = 3 << 20 };
    start("size=3MiB&seed=77");
    for (size_t i = 0; i < 3; i++) {
        struct t_conn *conn = ask(t_text("/?framing=%s&chunk=100000", framings[i]));
        struct t_message *answer = t_read_response(conn, "GET");
        t_assert_number("length", (int64_t)answer->body_len, SIZE);
        cr_assert_eq(t_pattern_match(answer->body, SIZE, 77), SIZE);
        t_assert_number("chunks", (int64_t)answer->chunk_count, i == 1 ? SIZE / 100000 + 1 : 0);
        t_close(conn);
    }
    stop();
}

Test(origin_moods, a_gigabyte_is_never_held)
{
    start("size=1GiB&chunk=1GiB&framing=chunked");
    struct t_conn *conn = ask("/");
    t_read_head(conn);
    t_expect(conn, "40000000\r\n");
    t_expect_pattern(conn, 100 << 20, 0);
    /* Sanitizers keep a quarantine of what was freed. */
    cr_assert_lt(t_process_resident_kib_max(&origin.process), 64 * 1024);
    t_reset(conn);
    stop();
}

Test(origin_moods, a_head_request_gets_the_head_alone)
{
    start(NULL);
    struct t_conn *conn = t_connect(origin.port);
    t_send(conn, "HEAD /?size=5 HTTP/1.1\r\n\r\nHEAD /?size=5&framing=chunked HTTP/1.1\r\n\r\n");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_kept(conn);
    stop();
}

Test(origin_moods, http10_requests_close_unless_they_ask)
{
    start("body=x");
    struct t_conn *conn = t_connect(origin.port);
    t_send(conn, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx");
    t_send(conn, "GET / HTTP/1.0\r\n\r\n");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    t_expect_end(conn);
    conn = t_connect(origin.port);
    t_send(conn, "GET / HTTP/1.1\r\nConnection: foo, Close\r\n\r\n");
    t_expect(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    t_expect_end(conn);
    stop();
}

Test(origin_moods, the_limit_of_requests_is_counted_down)
{
    start("body=x&keepalive_requests=3");
    struct t_conn *conn = t_connect(origin.port);
    t_assert_text(t_field(t_get(conn, "/"), "Keep-Alive"), "max=2");
    t_assert_text(t_field(t_get(conn, "/"), "Keep-Alive"), "max=1");
    struct t_message *last = t_get(conn, "/");
    cr_assert_null(t_field(last, "Keep-Alive"));
    t_assert_text(t_field(last, "Connection"), "close");
    t_expect_end(conn);
    stop();
}

Test(origin_moods, an_idle_connection_is_closed_after_its_time)
{
    enum { TIMEOUT_MS = 1000, SLACK_MS = 20 };
    start("body=x&keepalive_timeout=1s&announce=0");
    int64_t began = t_now_ms();
    struct t_conn *silent = t_connect(origin.port);
    struct t_conn *idle = t_connect(origin.port);
    t_get(idle, "/");
    t_expect_end(silent);
    t_expect_end(idle);
    cr_assert_geq(t_now_ms() - began, TIMEOUT_MS - SLACK_MS);

    /* One that has sent a part of a request is not idle. */
    struct t_conn *slow = t_connect(origin.port);
    t_send(slow, "GET / HTT");
    t_expect_quiet(slow, TIMEOUT_MS + 200);
    t_send(slow, "P/1.1\r\n\r\n");
    t_read_response(slow, "GET");
    stop();
}

Test(origin_moods, pauses_come_where_they_were_told)
{
    /* The part before the pause, seen with one that does not end; then how long a short one takes.
     */
    static const struct {
        const char *pause;
        const char *before;
        const char *after;
        int64_t pauses;
    } cases[] = {
        {"delay", "", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", 1},
        {"interim=103&delay", "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", 1},
        {"head_delay", "HTTP/1.1 200 OK\r\nCo", "ntent-Length: 4\r\n\r\nabcd", 1},
        {"body_delay", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "abcd", 1},
        {"chunk=2&drip", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", "cd", 1},
        {"framing=chunked&chunk=1&drip",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
         "1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n0\r\n\r\n", 3},
    };
    enum { PAUSE_MS = 50, SLACK_MS = 5 };
    start("body=abcd");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct t_conn *conn = ask(t_text("/?%s=1h", cases[i].pause));
        t_expect(conn, cases[i].before);
        t_expect_quiet(conn, PAUSE_MS);
        t_reset(conn);
        int64_t began = t_now_ms();
        conn = ask(t_text("/?%s=%dms", cases[i].pause, PAUSE_MS));
        t_expectf(conn, "%s%s", cases[i].before, cases[i].after);
        cr_assert_geq(t_now_ms() - began, (PAUSE_MS - SLACK_MS) * cases[i].pauses);
        assert_kept(conn);
        t_close(conn);
    }
    stop();
}
