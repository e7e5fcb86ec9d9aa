/* weir probe finds out how a server treats connections, and prints a pool section that weir takes.
 */
#include "support/t.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Probes, and has weir check the section that comes of it. */
static const char *probe(int port, const char *path, const char *patience)
{
    struct t_run run = t_weir_run("probe", "-p", patience,
                                  t_text("http://127.0.0.1:%d%s", port, path), NULL);
    t_assert_text(run.err, "");
    t_assert_number("exit status", run.status, 0);
    t_assert_contains(run.out,
                      t_text("weir probe opens at most 24 connections to 127.0.0.1:%d,", port));
    const char *pool = strstr(run.out, "\npools:\n");
    cr_assert_not_null(pool, "%s", run.out);
    struct t_run check = t_weir_check(
        t_text("listeners: {web: {listen: \"127.0.0.1:@port@\", pool: probed}}%s", pool));
    t_assert_text(check.err, "");
    t_assert_number("weir check", check.status, 0);
    return run.out;
}

struct mood {
    const char *defaults; /* of weir-origin */
    const char *says[8];
};

static void try_moods(const struct mood *moods, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct t_real_origin origin;
        t_real_origin_start(&origin, moods[i].defaults);
        const char *out = probe(origin.port, "/", "8s");
        for (size_t k = 0; k < 8 && moods[i].says[k]; k++)
            t_assert_contains(out, moods[i].says[k]);
        t_real_origin_stop(&origin);
    }
}

#define TRY() try_moods(moods, sizeof(moods) / sizeof(*moods))

Test(probe_server, idle_timeouts)
{
    static const struct mood moods[] = {
        {"keepalive_timeout=1s",
         {"\nkeep-alive          yes", "(4 of 4); 1.0 s are announced\n",
          "\nunused connections  are closed after ", "idle_timeout: 900ms ",
          "more than 120 on a connection\n", "it closes idle connections first"}},
        {"keepalive_timeout=500ms&announce=0", {"(4 of 4); nothing is announced\n"}},
        {"keepalive_timeout=500ms&framing=chunked&trailer=X-A:1",
         {"\nkeep-alive          yes", "(4 of 4)"}},
    };
    TRY();
}

Test(probe_server, limits_of_requests)
{
    static const struct mood moods[] = {
        {"keepalive_requests=7&keepalive_timeout=500ms",
         {"\nrequests            7 on a connection, and the last answer says so; it announces 7\n",
          "max_requests: 7 "}},
        {"keepalive_requests=7&keepalive_timeout=500ms&announce=0",
         {"\nrequests            7 on a connection, then a close that no answer announces\n",
          "max_requests: 7 "}},
        {"keepalive_requests=500&keepalive_timeout=500ms",
         {"more than 120 on a connection; it announces 500\n", "max_requests: 500 "}},
        {"fail=close_on_next_request&keepalive_timeout=500ms",
         {"it says so, but the connection ended after one answer", "max_requests: 1 "}},
        {"fail=close_after_answer_unannounced&keepalive_timeout=500ms",
         {"it says so, but the connection ended after one answer",
          "then a close that no answer announces", "max_requests: 1 "}},
        {"fail=reset_after_answer&keepalive_timeout=500ms",
         {"then a reset that no answer announces", "TIME_WAIT           none"}},
    };
    TRY();
}

Test(probe_server, no_keep_alive)
{
    static const struct mood moods[] = {
        {"connection=close&keepalive_timeout=500ms",
         {"\nkeep-alive          no: it announces a close with each answer",
          "closes first, after each answer", "close: reset  "}},
        {"version=1.0&keepalive_timeout=500ms", {"HTTP/1.0, status 200", "no: HTTP/1.0 without"}},
        {"version=1.0&connection=keep&keepalive_timeout=500ms",
         {"HTTP/1.0, status 200", "\nkeep-alive          yes"}},
        {"framing=close&keepalive_timeout=500ms", {"keep-alive          no: "}},
    };
    TRY();
}

Test(probe_server, odd_ones)
{
    static const struct mood moods[] = {
        {"continue=0&keepalive_timeout=500ms", {"no 100: clients that wait for one wait in vain"}},
        {"early=1&keepalive_timeout=500ms", {"answered at once, without a 100"}},
        {"interim=103&keepalive_timeout=500ms", {"\nkeep-alive          yes"}},
        {"status=404&keepalive_timeout=500ms", {"status 404", "probe a path that works"}},
        {"fail=talk_when_idle&talk_delay=300ms&keepalive_timeout=2s",
         {"bytes come behind its answer", "max_requests: 1 ", "TIME_WAIT           weir"}},
        {"fail=extra_bytes&keepalive_timeout=500ms",
         {"bytes come behind its answer", "max_requests: 1 "}},
        {"delay=100ms&keepalive_timeout=500ms", {"first byte after 1"}},
    };
    TRY();
}

Test(probe_server, what_stays_open_is_longer_than_the_patience)
{
    struct t_real_origin origin;
    t_real_origin_start(&origin, NULL);
    const char *out = probe(origin.port, "/?keepalive_timeout=1h&announce=0", "5s");
    t_assert_contains(out, "idle timeout        longer than ");
    t_assert_contains(out, "# for so long it was watched, and did not close");
    t_assert_contains(out, "It sends GET and HEAD for /?keepalive_timeout=1h&announce=0:");
    t_real_origin_stop(&origin);
}

/* Bounded, as the origin counts, and without TIME_WAIT on either side. */
Test(probe_server, stays_within_what_it_announces)
{
    struct t_real_origin origin;
    t_real_origin_start(&origin, "keepalive_timeout=500ms");
    probe(origin.port, "/", "8s");
    t_tcp_await(T_TCP_LOCAL, origin.port, T_TCP_FIN_WAIT2, 0);
    t_assert_number("TIME_WAIT", t_tcp_count(T_TCP_LOCAL, origin.port, T_TCP_TIME_WAIT), 0);
    t_assert_number("TIME_WAIT", t_tcp_count(T_TCP_REMOTE, origin.port, T_TCP_TIME_WAIT), 0);
    struct t_origin_counts counts = t_real_origin_counts(&origin);
    cr_assert_leq(counts.accepted, 24);
    cr_assert_leq(counts.open_max, 24);
    cr_assert_leq(counts.requests, 120 + 24);
    t_assert_number("POSTs", counts.posts, 0);
    t_real_origin_reset_counts(&origin);
    struct t_run run = t_weir_run("probe", "-n", "4", "-p", "5s",
                                  t_text("127.0.0.1:%d", origin.port), NULL);
    t_assert_number("exit status", run.status, 0);
    counts = t_real_origin_counts(&origin);
    t_assert_number("connections", counts.accepted, 4);
    t_real_origin_stop(&origin);
}

Test(probe_server, answers_that_are_malformed)
{
    static const char *const names[] = {"garbage",        "http09",
                                        "two_lengths",    "length_and_chunked",
                                        "bad_length",     "negative_length",
                                        "bad_chunk_size", "chunk_no_crlf",
                                        "bare_lf",        "bare_cr",
                                        "nul_in_header",  "obs_fold",
                                        "no_colon",       "space_before_colon",
                                        "huge_head",      "many_headers",
                                        "bad_status",     "status_99",
                                        "http2_version",  "te_gzip",
                                        "unasked_101"};
    struct t_real_origin origin;
    t_real_origin_start(&origin, NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct t_run run = t_weir_run("probe", "-p", "5s",
                                      t_text("127.0.0.1:%d/?bad=%s", origin.port, names[i]), NULL);
        t_assert_number(names[i], run.status, 1);
        t_assert_contains(run.err, "is not HTTP/1.x as weir takes it");
        t_assert_lacks(run.out, "pools:");
    }
    t_real_origin_stop(&origin);
}

Test(probe_server, answers_that_are_no_good)
{
    static const struct {
        const char *defaults, *fault;
    } rows[] = {{"fail=close_before_answer", "closed without an answer"},
                {"fail=reset_before_answer", "reset the connection"},
                {"fail=close_in_head", "in the middle of its answer"},
                {"fail=reset_in_body&size=100", "in the middle of its answer"},
                {"fail=close_in_body&size=100", "in the middle of its answer"},
                {"delay=1h", "did not answer in time"},
                {"size=64MiB", "too large"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct t_real_origin origin;
        t_real_origin_start(&origin, rows[i].defaults);
        struct t_run run = t_weir_run("probe", "-p", "5s", t_text("127.0.0.1:%d", origin.port),
                                      NULL);
        t_assert_number("exit status", run.status, 1);
        t_assert_contains(run.err, rows[i].fault);
        t_assert_lacks(run.out, "pools:");
        t_real_origin_stop(&origin);
    }
}

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* Takes one connection at a time and serves it to its end. */
static void *serve_serially(void *user)
{
    const struct t_origin *origin = user;

    for (;;) {
        int fd = accept(origin->fd, NULL, NULL);
        char request[4096];
        if (fd < 0 && errno == EAGAIN)
            usleep(1000);
        else if (fd < 0)
            return NULL;
        /* The probe's requests come whole, in one segment. */
        while (fd >= 0 && recv(fd, request, sizeof(request), 0) > 0)
            if (send(fd, ok, strlen(ok), MSG_NOSIGNAL) < 0)
                break;
        if (fd >= 0)
            close(fd);
    }
}

Test(probe_server, one_connection_at_a_time)
{
    static struct t_origin origin;
    pthread_t thread;
    t_origin_open(&origin);
    cr_assert_eq(pthread_create(&thread, NULL, serve_serially, &origin), 0);
    const char *out = probe(origin.port, "/", "8s");
    t_assert_contains(out, "1 unused: nobody else is answered meanwhile: it serves one connection");
    t_assert_contains(out, "1 idle: nobody else is answered meanwhile");
    t_assert_contains(out, "max: 1 ");
    t_assert_contains(out, "min_idle: 0 ");
}

Test(probe_server, json)
{
    struct t_real_origin origin;
    t_real_origin_start(&origin, "keepalive_timeout=500ms");
    struct t_run run = t_weir_run("probe", "--json", "-p", "8s",
                                  t_text("127.0.0.1:%d", origin.port), NULL);
    t_assert_number("exit status", run.status, 0);
    t_assert_contains(run.err, "weir probe opens at most");
    json_t *json = json_loads(run.out, 0, NULL);
    cr_assert_not_null(json, "%s", run.out);
    cr_assert_gt(json_array_size(json_object_get(json, "findings")), 8);
    cr_assert_gt(json_array_size(json_object_get(json, "pool")), 3);
    json_decref(json);
    t_real_origin_stop(&origin);
}

Test(probe_server, wrong_usage)
{
    static const struct {
        const char *word;
        int status;
        const char *fault;
    } rows[] = {
        {"ftp://example.com/", 2, "http://"},
        {"unix:/run/x.sock", 2, "Unix sockets"},
        {"http://u:p@127.0.0.1/", 2, "user names"},
        {"http://127.0.0.1/a b", 2, "blanks"},
        {"http://127.0.0.1/\xc3\xa4", 2, "ASCII"},
        {"http://127.0.0.1/a\r\nX: y", 2, "blanks"},
        {"nowhere:port", 2, "nowhere"},
        {"no.such.host.invalid:80", 1, "cannot be resolved"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct t_run run = t_weir_run("probe", rows[i].word, NULL);
        t_assert_number(rows[i].word, run.status, rows[i].status);
        t_assert_contains(run.err, rows[i].fault);
        t_assert_text(run.out, "");
    }
    t_assert_number("exit status", t_weir_run("probe", NULL).status, 2);
    t_assert_contains(t_weir_run("probe", "-p", "2m", ":1", NULL).err, "5s to 60s");
    t_assert_contains(t_weir_run("probe", "-n", "41", ":1", NULL).err, "4 to 40");
    t_assert_contains(t_weir_run("probe", ":1", ":2", NULL).err, "`:2`");
    t_assert_contains(t_weir_run("probe", "--help", NULL).out, "-p, --patience TIME");
    struct t_origin origin;
    t_origin_open(&origin);
    t_origin_close(&origin);
    struct t_run run = t_weir_run("probe", t_text("127.0.0.1:%d", origin.port), NULL);
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, "Connection refused");
}

/* Answers each request; after a second it sends a 408 on every connection and closes it. */
static void *say_408(void *user)
{
    const struct t_origin *origin = user;
    static const char late[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
    struct {
        int fd, age;
    } conns[64];
    int n = 0;

    for (;; usleep(1000)) {
        int fd = accept4(origin->fd, NULL, NULL, SOCK_NONBLOCK);
        if (fd >= 0 && n < 64) {
            conns[n].fd = fd;
            conns[n++].age = 0;
        }
        for (int i = 0; i < n; i++) {
            char request[4096];
            if (conns[i].fd < 0)
                continue;
            if (recv(conns[i].fd, request, sizeof(request), 0) > 0)
                send(conns[i].fd, ok, strlen(ok), MSG_NOSIGNAL);
            if (++conns[i].age < 1000)
                continue;
            send(conns[i].fd, late, strlen(late), MSG_NOSIGNAL);
            close(conns[i].fd);
            conns[i].fd = -1;
        }
    }
    return NULL;
}

Test(probe_server, an_answer_to_nothing_is_noticed)
{
    static struct t_origin origin;
    pthread_t thread;
    t_origin_open(&origin);
    cr_assert_eq(pthread_create(&thread, NULL, say_408, &origin), 0);
    const char *out = probe(origin.port, "/", "8s");
    t_assert_contains(out, "out of turn         it sends an answer (408) that nobody asked for");
    t_assert_contains(out, "(4 of 4)");
}
