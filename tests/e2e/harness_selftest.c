/* The harness sees what is there and nothing else: held against itself and weir-origin, without
 * weir. */
#include "support/t.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A client and the origin's side of the same connection. */
struct pair {
    struct t_origin origin;
    struct t_conn *client;
    struct t_conn *server;
};

static void pair_open(struct pair *pair)
{
    t_origin_open(&pair->origin);
    pair->client = t_connect(pair->origin.port);
    pair->server = t_accept(&pair->origin);
}

Test(harness_selftest, bytes_go_through_exactly)
{
    struct pair pair;
    pair_open(&pair);
    t_send_bytes(pair.client, "a\0b\r\n\xff", 6);
    t_expect_bytes(pair.server, "a\0b", 3);
    t_expect_bytes(pair.server, "\r\n\xff", 3);
    t_sendf(pair.server, "%s %d", "one", 2);
    t_expectf(pair.client, "one %d", 2);
    t_send(pair.server, "up to here|and on");
    t_assert_text(t_read_until(pair.client, "|"), "up to here|");
    t_assert_text(t_read_exactly(pair.client, 3), "and");
    t_expect(pair.client, " on");
    t_expect_quiet(pair.client, 20);
}

Test(harness_selftest, an_end_and_a_reset_are_told_apart)
{
    struct pair pair;
    pair_open(&pair);
    t_send(pair.client, "last");
    t_half_close(pair.client);
    t_assert_text(t_read_to_end(pair.server, NULL), "last");
    t_expect_end(pair.server);
    t_send(pair.server, "still open this way");
    t_expect(pair.client, "still open this way");
    t_reset(pair.server);
    t_expect_reset(pair.client);

    t_origin_close(&pair.origin);
    t_origin_reopen(&pair.origin);
    struct t_conn *other = t_connect(pair.origin.port);
    t_send(t_accept(&pair.origin), "cut");
    size_t len;
    t_close(other);
    struct t_conn *third = t_connect(pair.origin.port);
    struct t_conn *third_server = t_accept(&pair.origin);
    t_send(third_server, "half");
    t_await_read_by_peer(third);
    t_assert_text(t_read_exactly(third, 2), "ha");
    t_reset(third_server);
    t_assert_text(t_read_to_any_end(third, &len), "lf");
    t_assert_number("length", (int64_t)len, 2);
}

Test(harness_selftest, pieces_are_read_one_by_one)
{
    struct t_real_origin origin;
    t_real_origin_start(&origin, "dump=1");
    struct t_conn *client = t_connect(origin.port);
    const char *request = "GET / HTTP/1.1\r\nHost: pieces\r\n\r\n";
    t_send_in_pieces(client, request, strlen(request), 1);
    t_assert_text(t_read_response(client, "GET")->body, request);
    t_close(client);
    t_real_origin_stop(&origin);
}

Test(harness_selftest, connections_are_counted_before_they_are_accepted)
{
    struct t_origin origin;
    t_origin_open_on(&origin, "::1");
    t_assert_number("connections", t_origin_connections(&origin), 0);
    struct t_conn *first = t_connect_to("::1", origin.port);
    struct t_conn *second = t_connect_to("::1", origin.port);
    t_origin_await_connections(&origin, 2);
    struct t_conn *server = t_accept(&origin);
    t_assert_number("peer port", t_conn_peer_port(server), t_conn_port(first));
    t_assert_number("peer port", t_conn_peer_port(t_accept(&origin)), t_conn_port(second));
    t_assert_number("connections", t_origin_connections(&origin), 2);
}

Test(harness_selftest, the_reader_accepts_what_is_canonical)
{
    struct pair pair;
    pair_open(&pair);
    t_send(pair.server, "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
                        "HTTP/1.1 200 Fine Thing\r\nTransfer-Encoding: chunked\r\nX-A:  b \r\n\r\n"
                        "5\r\nhello\r\nA\r\n, world!!!\r\n0\r\nX-T: v\r\n\r\n"
                        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
                        "HTTP/1.0 404 \r\n\r\nuntil the end");
    t_assert_number("status", t_read_response(pair.client, "GET")->status, 103);
    struct t_message *answer = t_read_response(pair.client, "GET");
    t_assert_text(answer->reason, "Fine Thing");
    t_assert_text(answer->body, "hello, world!!!");
    t_assert_text(t_field(answer, "x-a"), "b");
    t_assert_text(t_trailer(answer, "X-T"), "v");
    t_assert_number("chunks", (int64_t)answer->chunk_count, 2);
    t_assert_number("framing", answer->framing, T_FRAMING_CHUNKED);
    t_assert_number("length to HEAD", (int64_t)t_read_response(pair.client, "HEAD")->body_len, 0);
    t_half_close(pair.server);
    answer = t_read_response(pair.client, "GET");
    t_assert_text(answer->body, "until the end");
    t_assert_number("version", answer->version, 10);

    t_send(pair.client, "PUT /x?y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    struct t_message *request = t_read_request(pair.server);
    t_assert_text(request->method, "PUT");
    t_assert_text(request->target, "/x?y");
    t_assert_text(request->body, "abc");
    cr_assert_null(t_field(request, "absent"));
}

struct unclean {
    const char *bytes;
    const char *method; /* null: a request */
};

Test(harness_selftest, the_reader_refuses_what_is_not)
{
    static const struct unclean uncleans[] = {
        {"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "GET"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", "GET"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "GET"},
        {"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", "GET"},
        {"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n", "GET"},
        {"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "GET"},
        {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "GET"},
        {"HTTP/1.1 204 OK\r\nContent-Length: 0\r\n\r\n", "GET"},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "GET"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\n\r\n", "GET"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", "GET"},
        {"HTTP/1.1 2x0 OK\r\n\r\n", "GET"},
        {"HTTP/2.0 200 OK\r\n\r\n", "GET"},
        {"GET  / HTTP/1.1\r\n\r\n", NULL},
        {"GET / HTTP/1.2\r\n\r\n", NULL},
        {"G@T / HTTP/1.1\r\n\r\n", NULL},
        {"GET / HTTP/1.1\r\nno colon\r\n\r\n", NULL},
    };
    for (size_t i = 0; i < sizeof(uncleans) / sizeof(uncleans[0]); i++) {
        struct t_message message;
        const char *wrong = NULL;
        enum t_parse_result result = t_message_parse(&message, uncleans[i].bytes,
                                                     strlen(uncleans[i].bytes), uncleans[i].method,
                                                     false, &wrong);
        cr_assert_eq(result, T_PARSE_BROKEN, "read as valid: %s",
                     t_escape(uncleans[i].bytes, strlen(uncleans[i].bytes)));
        cr_assert_not_null(wrong);
    }
}

Test(harness_selftest, the_reader_wants_all_of_a_message)
{
    static const char whole[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "5\r\nhello\r\n0\r\nX: y\r\n\r\n";
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        struct t_message message;
        const char *wrong;
        cr_assert_eq(t_message_parse(&message, whole, len, "GET", false, &wrong), T_PARSE_MORE);
        cr_assert_eq(t_message_parse(&message, whole, len, "GET", true, &wrong), T_PARSE_BROKEN);
    }
}

Test(harness_selftest, the_pattern_shows_a_shift)
{
    char data[1000];
    t_pattern_fill(data, sizeof(data), T_PATTERN_PERIOD - 100);
    cr_assert_eq(t_pattern_match(data, sizeof(data), T_PATTERN_PERIOD - 100), sizeof(data));
    cr_assert_lt(t_pattern_match(data, sizeof(data), T_PATTERN_PERIOD - 100 + 16384), 20);
    data[500] ^= 1;
    cr_assert_eq(t_pattern_match(data, sizeof(data), T_PATTERN_PERIOD - 100), 500);
}

Test(harness_selftest, a_peer_that_does_not_read_is_seen)
{
    struct t_origin origin;
    t_origin_open(&origin);
    struct t_conn *client = t_connect_small(origin.port, 4096);
    struct t_conn *server = t_accept(&origin);
    char *piece = t_alloc(T_PATTERN_PERIOD);
    uint64_t sent = 0;
    t_pattern_fill(piece, T_PATTERN_PERIOD, 0);
    /* Full at once, and held back once the other side has acknowledged what it has room for. */
    while (!t_is_held_back(server))
        cr_assert(t_send_until_full(server, piece, T_PATTERN_PERIOD, &sent, 64 << 20));
    t_expect_pattern(client, sent, 0);
}

Test(harness_selftest, the_kernels_sockets_are_counted)
{
    struct pair pair;
    pair_open(&pair);
    int port = pair.origin.port;
    t_assert_number("listening", t_tcp_count(T_TCP_LOCAL, port, T_TCP_LISTEN), 1);
    t_assert_number("server's", t_tcp_count(T_TCP_LOCAL, port, T_TCP_ESTABLISHED), 1);
    t_assert_number("client's", t_tcp_count(T_TCP_REMOTE, port, T_TCP_ESTABLISHED), 1);
    t_close(pair.server);
    t_expect_end(pair.client);
    t_tcp_await(T_TCP_LOCAL, port, T_TCP_FIN_WAIT2, 1);
    t_assert_number("client's", t_tcp_count(T_TCP_REMOTE, port, T_TCP_CLOSE_WAIT), 1);
    t_close(pair.client);
    t_tcp_await(T_TCP_LOCAL, port, T_TCP_TIME_WAIT, 1);
    t_assert_number("all", t_tcp_count(T_TCP_LOCAL, port, T_TCP_ANY), 2);
}

Test(harness_selftest, free_ports_differ)
{
    int ports[20];
    for (int i = 0; i < 20; i++) {
        ports[i] = t_free_port();
        for (int j = 0; j < i; j++)
            cr_assert_neq(ports[i], ports[j]);
    }
}

static void serve_twice(struct t_served_request *request, void *user)
{
    static char answer[128];
    atomic_int *calls = user;
    atomic_fetch_add(calls, 1);
    request->answer = answer;
    request->answer_len = (size_t)snprintf(
        answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
        strlen(request->message->target), request->message->target);
    request->close = request->number == 2;
}

Test(harness_selftest, a_served_origin_calls_back_for_each_request)
{
    struct t_origin origin;
    atomic_int calls = 0;
    t_origin_open(&origin);
    t_origin_serve(&origin, serve_twice, &calls);
    struct t_conn *client = t_connect(origin.port);
    t_assert_text(t_get(client, "/one")->body, "/one");
    t_assert_text(t_get(client, "/two")->body, "/two");
    t_expect_end(client);
    client = t_connect(origin.port);
    t_send(client, "this is nothing\r\n\r\n");
    t_expect_any_end(client);
    struct t_served_counts counts = t_origin_serve_stop(&origin);
    t_assert_number("calls", calls, 2);
    t_assert_number("requests", (int64_t)counts.requests, 2);
    t_assert_number("connections", (int64_t)counts.connections, 2);
    t_assert_number("broken", (int64_t)counts.broken, 1);
}

Test(harness_selftest, load_checks_every_answer)
{
    struct t_real_origin origin;
    t_real_origin_start_with(&origin, NULL, "--threads", "2", NULL);
    struct t_load load = {
        .port = origin.port, .concurrency = 10, .requests = 600, .reset_clients = true};
    struct t_load_result result = t_load_run(&load);
    t_load_assert_ok(&load, &result);
    t_assert_number("connections", (int64_t)result.connections, 600);
    t_assert_number("answers", (int64_t)result.by_status[200], 600);

    load.per_connection = 50;
    result = t_load_run(&load);
    t_load_assert_ok(&load, &result);
    cr_assert_lt(result.connections, 300);
    struct t_origin_counts counts = t_real_origin_counts(&origin);
    t_assert_number("requests", counts.requests, 1200);
    t_assert_number("posts", counts.posts, 400);
    t_real_origin_stop(&origin);
}

Test(harness_selftest, load_reports_what_is_wrong)
{
    static const struct {
        const char *mood;
        size_t counter;
        int64_t count;
    } cases[] = {
        {"fail=close_before_answer", offsetof(struct t_load_result, broken), 12},
        /* A HEAD, and a body of no bytes, have no middle to be reset in. */
        {"fail=reset_in_body", offsetof(struct t_load_result, broken), 9},
        {"bad=two_lengths", offsetof(struct t_load_result, broken), 12},
        {"status=500", offsetof(struct t_load_result, wrong), 12},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct t_real_origin origin;
        t_real_origin_start(&origin, cases[i].mood);
        struct t_load load = {.port = origin.port, .concurrency = 2, .requests = 12};
        struct t_load_result result = t_load_run(&load);
        t_assert_number(cases[i].mood,
                        (int64_t) * (uint64_t *)(void *)((char *)&result + cases[i].counter),
                        cases[i].count);
        cr_assert_neq(result.first_trouble[0], '\0');
        t_real_origin_stop(&origin);
    }
    struct t_load load = {.port = t_free_port(), .concurrency = 1, .requests = 3};
    t_assert_number("refused", (int64_t)t_load_run(&load).refused, 3);
}

Test(harness_selftest, a_program_that_ends_gives_status_and_output)
{
    const char *argv[] = {"/bin/sh", "-c", "echo out; echo err >&2; exit 3", NULL};
    struct t_run run = t_run(argv);
    t_assert_number("status", run.status, 3);
    t_assert_text(run.out, "out\n");
    t_assert_text(run.err, "err\n");
}

Test(harness_selftest, a_process_is_awaited_measured_and_killed)
{
    struct t_process process;
    const char *argv[] = {"/bin/sh", "-c",
                          "trap 'echo got it >&2' USR1; echo ready >&2; "
                          "while :; do sleep 0.02; done",
                          NULL};
    t_process_start(&process, "sh", argv, false, false);
    t_process_await(&process, "ready");
    t_process_signal(&process, SIGUSR1);
    t_process_await_next(&process, "got it");
    cr_assert_gt(t_process_resident_kib(&process), 0);
    cr_assert_gt(t_process_resident_kib_max(&process), 0);
    t_assert_number("threads", t_process_threads(&process), 1);
    cr_assert_geq(t_process_descriptors(&process), 3);
    pid_t pid = process.pid;
    t_process_kill(&process);
    cr_assert_neq(kill(pid, 0), 0);
    t_assert_number("status", t_process_wait(&process), 128 + SIGKILL);
}

/* --- tests that fail on purpose, run by those below in a process of their own --- */

static bool is_asked_for(const char *what)
{
    const char *asked = getenv("T_SELFTEST");
    return asked && strcmp(asked, what) == 0;
}

Test(harness_selftest, on_purpose_differs)
{
    if (!is_asked_for("differs"))
        return;
    struct pair pair;
    pair_open(&pair);
    t_send_bytes(pair.client, "HTTP/1.1 200 OK\r\nX: \0\r\n", 23);
    t_expect_bytes(pair.server, "HTTP/1.1 200 OK\r\nX: \1\r\n", 23);
}

Test(harness_selftest, on_purpose_crashes)
{
    if (!is_asked_for("crashes"))
        return;
    struct t_real_origin origin;
    t_real_origin_start(&origin, NULL);
    fprintf(stderr, "origin is %d, directory is %s.\n", (int)origin.process.pid, t_dir());
    raise(SIGKILL);
}

Test(harness_selftest, on_purpose_fails)
{
    if (!is_asked_for("fails"))
        return;
    struct t_real_origin origin;
    t_real_origin_start(&origin, NULL);
    fprintf(stderr, "origin is %d, directory is %s.\n", (int)origin.process.pid, t_dir());
    cr_assert(false);
}

/* Runs such a test. Returns all that was written. */
static const char *run_on_purpose(const char *what)
{
    char self[4096] = "";
    cr_assert_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
    setenv("T_SELFTEST", what, 1);
    const char *filter = t_text("harness_selftest/on_purpose_%s", what);
    /* Through a pipe, which ends only when the watcher has finished too. */
    const char *argv[] = {"/bin/sh", "-c",   "\"$0\" --jobs 1 --filter \"$1\" 2>&1 | cat",
                          self,      filter, NULL};
    struct t_run run = t_run(argv);
    unsetenv("T_SELFTEST");
    t_assert_contains(run.out, "Passing: 0");
    return run.out;
}

Test(harness_selftest, a_difference_is_shown_with_its_place)
{
    const char *text = run_on_purpose("differs");
    t_assert_contains(text, "harness_selftest.c:");
    t_assert_contains(text, "bytes differ from byte 20 on");
    t_assert_contains(text, "\"HTTP/1.1 200 OK\\r\\nX: \\x00\\r\\n\"");
    t_assert_contains(text, "\"HTTP/1.1 200 OK\\r\\nX: \\x01\\r\\n\"");
}

/* A process that is dead and only not yet reaped does not count. */
static bool is_running(int pid)
{
    char stat_text[512] = "";
    int fd = open(t_text("/proc/%d/stat", pid), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, stat_text, sizeof(stat_text) - 1);
    close(fd);
    const char *state = got > 0 ? strrchr(stat_text, ')') : NULL;
    return state && !strchr("ZX", state[2]);
}

/* Waits until neither the process nor the directory that the test named is there any more. */
static void assert_nothing_left(const char *text)
{
    int pid = 0;
    char dir[256] = "";
    struct stat info;
    const char *at = strstr(text, "origin is ");
    cr_assert_not_null(at);
    cr_assert_eq(sscanf(at, "origin is %d, directory is %255[^.].", &pid, dir), 2);
    int64_t deadline = t_deadline_ms();
    while (is_running(pid) || stat(dir, &info) == 0) {
        cr_assert_gt(t_left_ms(deadline), 0, "still there: process %d or %s", pid, dir);
        t_nap();
    }
}

Test(harness_selftest, a_crash_leaves_nothing_behind_but_the_log)
{
    const char *text = run_on_purpose("crashes");
    assert_nothing_left(text);
    t_assert_contains(text, "listening on 127.0.0.1:");
    t_assert_contains(text, "---- end of weir-origin");
}

Test(harness_selftest, a_failure_leaves_nothing_behind_but_the_log)
{
    const char *text = run_on_purpose("fails");
    assert_nothing_left(text);
    t_assert_contains(text, "listening on 127.0.0.1:");
}
