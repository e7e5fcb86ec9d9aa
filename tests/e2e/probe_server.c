/* weir probe finds out how a server treats connections, and prints a pool section that weir takes.
 */
#include "support/t.h"

#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Longer than any of it takes where the server ends its connections: on a busy machine, too. */
#define PATIENT "60s"

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
        /* Who is slow to answer, as a busy machine may be, is watched on one connection. */
        const char *out = t_replace(probe(origin.port, "/", PATIENT), "(1 of 1)", "(4 of 4)");
        for (size_t k = 0; k < 8 && moods[i].says[k]; k++)
            t_assert_contains(out, moods[i].says[k]);
        t_real_origin_stop(&origin);
    }
}

#define TRY() try_moods(moods, sizeof(moods) / sizeof(*moods))

Test(probe_server, idle_timeouts)
{
    static const struct mood moods[] = {
        {"keepalive_timeout=2s",
         {"\nkeep-alive          yes", "(4 of 4); 2.0 s are announced\n",
          "\nunused connections  are closed after ", "idle_timeout: 1800ms ", " on a connection\n",
          "it closes idle connections first"}},
        {"keepalive_timeout=1500ms&announce=0", {"(4 of 4); nothing is announced\n"}},
        {"keepalive_timeout=1500ms&framing=chunked&trailer=X-A:1",
         {"\nkeep-alive          yes", "(4 of 4)"}},
    };
    TRY();
}

Test(probe_server, limits_of_requests)
{
    static const struct mood moods[] = {
        {"keepalive_requests=7&keepalive_timeout=1500ms",
         {"\nrequests            7 on a connection, and the last answer says so; it announces 7\n",
          "max_requests: 7 "}},
        {"keepalive_requests=7&keepalive_timeout=1500ms&announce=0",
         {"\nrequests            7 on a connection, then a close that no answer announces\n",
          "max_requests: 7 "}},
        {"keepalive_requests=500&keepalive_timeout=1500ms",
         {"\nrequests            more than ", " on a connection; it announces 500\n",
          "max_requests: 500 "}},
        {"fail=close_on_next_request&keepalive_timeout=1500ms",
         {"it says so, but the connection ended after one answer", "max_requests: 1 "}},
        {"fail=close_after_answer_unannounced&keepalive_timeout=1500ms",
         {"it says so, but the connection ended after one answer",
          "then a close that no answer announces", "max_requests: 1 "}},
        {"fail=reset_after_answer&keepalive_timeout=1500ms",
         {"then a reset that no answer announces", "TIME_WAIT           none"}},
    };
    TRY();
}

Test(probe_server, no_keep_alive)
{
    static const struct mood moods[] = {
        {"connection=close&keepalive_timeout=1500ms",
         {"\nkeep-alive          no: it announces a close with each answer",
          "closes first, after each answer", "close: reset  "}},
        {"version=1.0&keepalive_timeout=1500ms", {"HTTP/1.0, status 200", "no: HTTP/1.0 without"}},
        {"version=1.0&connection=keep&keepalive_timeout=1500ms",
         {"HTTP/1.0, status 200", "\nkeep-alive          yes"}},
        {"framing=close&keepalive_timeout=1500ms", {"keep-alive          no: "}},
    };
    TRY();
}

Test(probe_server, odd_ones)
{
    static const struct mood moods[] = {
        {"continue=0&keepalive_timeout=1500ms", {"no 100: clients that wait for one wait in vain"}},
        {"early=1&keepalive_timeout=1500ms", {"answered at once, without a 100"}},
        {"interim=103&keepalive_timeout=1500ms", {"\nkeep-alive          yes"}},
        {"status=404&keepalive_timeout=1500ms", {"status 404", "probe a path that works"}},
        {"fail=talk_when_idle&talk_delay=300ms&keepalive_timeout=2s",
         {"bytes come behind its answer", "max_requests: 1 ", "TIME_WAIT           weir"}},
        {"fail=extra_bytes&keepalive_timeout=1500ms",
         {"bytes come behind its answer", "max_requests: 1 "}},
    };
    TRY();
}

/* As long as the server takes at least; what the machine adds is not to be foretold. */
Test(probe_server, how_long_an_answer_takes)
{
    struct t_real_origin origin;
    double number;
    char unit[8];
    t_real_origin_start(&origin, "delay=100ms&connection=close&keepalive_timeout=1500ms");
    const char *out = probe(origin.port, "/", PATIENT), *found = strstr(out, "first byte after ");
    cr_assert_not_null(found, "%s", out);
    t_assert_number("parts", sscanf(found, "first byte after %lf %7[a-z]", &number, unit), 2);
    double ms = strcmp(unit, "s") == 0 ? 1000 * number : strcmp(unit, "ms") == 0 ? number : 0;
    cr_assert_geq(ms, 100, "%s", found);
    t_real_origin_stop(&origin);
}

Test(probe_server, what_stays_open_is_longer_than_the_patience)
{
    struct t_real_origin origin;
    t_real_origin_start(&origin, NULL);
    const char *out = probe(origin.port, "/?keepalive_timeout=1h&announce=0", "10s");
    t_assert_contains(out, "idle timeout        longer than ");
    t_assert_contains(out, "# for so long it was watched, and did not close");
    t_assert_contains(out, "It sends GET and HEAD for /?keepalive_timeout=1h&announce=0:");
    t_real_origin_stop(&origin);
}

/* Bounded, as the origin counts, and without TIME_WAIT on either side. */
Test(probe_server, stays_within_what_it_announces)
{
    struct t_real_origin origin;
    t_real_origin_start(&origin, "keepalive_timeout=1500ms");
    probe(origin.port, "/", PATIENT);
    t_tcp_await(T_TCP_LOCAL, origin.port, T_TCP_FIN_WAIT2, 0);
    t_assert_number("TIME_WAIT", t_tcp_count(T_TCP_LOCAL, origin.port, T_TCP_TIME_WAIT), 0);
    t_assert_number("TIME_WAIT", t_tcp_count(T_TCP_REMOTE, origin.port, T_TCP_TIME_WAIT), 0);
    struct t_origin_counts counts = t_real_origin_counts(&origin);
    cr_assert_leq(counts.accepted, 24);
    cr_assert_leq(counts.open_max, 24);
    cr_assert_leq(counts.requests, 120 + 24);
    t_assert_number("POSTs", counts.posts, 0);
    t_real_origin_reset_counts(&origin);
    struct t_run run = t_weir_run("probe", "-n", "4", "-p", PATIENT,
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
        struct t_run run = t_weir_run("probe", "-p", PATIENT,
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
        const char *defaults, *fault, *patience;
    } rows[] = {{"fail=close_before_answer", "closed without an answer", PATIENT},
                {"fail=reset_before_answer", "reset the connection", PATIENT},
                {"fail=close_in_head", "in the middle of its answer", PATIENT},
                {"fail=reset_in_body&size=100", "in the middle of its answer", PATIENT},
                {"fail=close_in_body&size=100", "in the middle of its answer", PATIENT},
                {"delay=1h", "did not answer in time", "5s"},
                {"size=64MiB", "too large", PATIENT}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct t_real_origin origin;
        t_real_origin_start(&origin, rows[i].defaults);
        struct t_run run = t_weir_run("probe", "-p", rows[i].patience,
                                      t_text("127.0.0.1:%d", origin.port), NULL);
        t_assert_number("exit status", run.status, 1);
        t_assert_contains(run.err, rows[i].fault);
        t_assert_lacks(run.out, "pools:");
        t_real_origin_stop(&origin);
    }
}

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* Takes one connection at a time and serves it to its end. The probe's requests come whole, in one
 * segment. */
static void *serve_serially(void *user)
{
    struct pollfd listener = {.fd = ((const struct t_origin *)user)->fd, .events = POLLIN};
    char request[4096];

    while (poll(&listener, 1, -1) >= 0) {
        int fd = accept(listener.fd, NULL, NULL);
        while (fd >= 0 && recv(fd, request, sizeof(request), 0) > 0 &&
               send(fd, ok, strlen(ok), MSG_NOSIGNAL) > 0)
            continue;
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

Test(probe_server, one_connection_at_a_time)
{
    static struct t_origin origin;
    pthread_t thread;
    t_origin_open(&origin);
    cr_assert_eq(pthread_create(&thread, NULL, serve_serially, &origin), 0);
    const char *out = probe(origin.port, "/", "12s");
    t_assert_contains(out, "1 unused: nobody else is answered meanwhile: it serves one connection");
    t_assert_contains(out, "1 idle: nobody else is answered meanwhile");
    t_assert_contains(out, "max: 1 ");
    t_assert_contains(out, "min_idle: 0 ");
}

Test(probe_server, json)
{
    struct t_real_origin origin;
    t_real_origin_start(&origin, "keepalive_timeout=1500ms");
    struct t_run run = t_weir_run("probe", "--json", "-p", PATIENT,
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

static atomic_bool is_over;

/* Answers GET and HEAD of /up for localhost, and nothing else. */
static void *serve_unix(void *user)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct t_origin *origin = user;
    int fds[64], n = 0;

    for (; !atomic_load(&is_over); usleep(1000)) {
        int fd = accept4(origin->fd, NULL, NULL, SOCK_NONBLOCK);
        if (fd >= 0 && n < 64)
            fds[n++] = fd;
        for (int i = 0; i < n; i++) {
            char bytes[4096];
            ssize_t got = recv(fds[i], bytes, sizeof(bytes) - 1, 0);
            if (got <= 0)
                continue;
            bytes[got] = '\0';
            if (strstr(bytes, " /up HTTP/1.1\r\nHost: localhost\r\n"))
                send(fds[i], answer, sizeof(answer) - 1, MSG_NOSIGNAL);
        }
    }
    return NULL;
}

Test(probe_server, a_unix_socket)
{
    struct t_origin origin;
    pthread_t thread;
    char *path = t_path("app.sock");
    t_origin_open_unix(&origin, path, 64);
    cr_assert_eq(pthread_create(&thread, NULL, serve_unix, &origin), 0);
    struct t_run run = t_weir_run("probe", "-p", "5s", t_text("unix:%s:/up", path), NULL);
    t_assert_number("exit status", run.status, 0);
    t_assert_contains(run.out, "HTTP/1.1, status 200");
    t_assert_contains(run.out, "none: Unix sockets know no such state");
    t_assert_contains(run.out, t_text("- {address: \"unix:%s\"}", path));
    t_assert_lacks(run.out, "close: reset");
    t_assert_lacks(run.out, "SYN");
    run = t_weir_run("probe", t_text("unix:%s", t_path("no.sock")), NULL);
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err, "No such file or directory");
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
}

Test(probe_server, wrong_usage)
{
    static const struct {
        const char *word;
        int status;
        const char *fault;
    } rows[] = {
        {"ftp://example.com/", 2, "http://"},
        {"unix:x.sock", 2, "no absolute path"},
        {"unix:/x.sock:/a b", 2, "blanks"},
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

enum { PATIENCE_MS = 1000, CONNS_MAX = 64 };

static void say_late(struct pollfd *polled)
{
    static const char late[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";

    send(polled->fd, late, strlen(late), MSG_NOSIGNAL);
    close(polled->fd);
    polled->fd = -1;
}

/* Answers each request; after a second it sends a 408 on every connection and closes it. */
static void *say_408(void *user)
{
    /* The listener, then connections in the order in which they came. */
    struct pollfd all[1 + CONNS_MAX] = {
        {.fd = ((const struct t_origin *)user)->fd, .events = POLLIN}};
    int64_t ends_ms[1 + CONNS_MAX];
    int n = 1, first = 1;

    for (;;) {
        char request[4096];
        int64_t now_ms = t_now_ms();
        for (; first < n && ends_ms[first] <= now_ms; first++)
            say_late(&all[first]);
        poll(all, (nfds_t)n, first < n ? (int)(ends_ms[first] - now_ms) : -1);
        for (int i = first; i < n; i++)
            if (all[i].revents && recv(all[i].fd, request, sizeof(request), MSG_DONTWAIT) > 0)
                send(all[i].fd, ok, strlen(ok), MSG_NOSIGNAL);
        int fd = all[0].revents && n <= CONNS_MAX ? accept(all[0].fd, NULL, NULL) : -1;
        if (fd >= 0) {
            all[n] = (struct pollfd){.fd = fd, .events = POLLIN};
            ends_ms[n++] = t_now_ms() + PATIENCE_MS;
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
    const char *out = probe(origin.port, "/", PATIENT);
    t_assert_contains(out, "out of turn         it sends an answer (408) that nobody asked for");
    t_assert_contains(t_replace(out, "(1 of 1)", "(4 of 4)"), "(4 of 4)");
}
