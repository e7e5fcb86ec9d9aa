/* What follows from what a probe saw: findings, and the pool section. */
#include "weir/config/config.h"

#include "cli/probe_seen.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* What is said under a name, all of it, one a line; settings as `key: value # reason`. */
static const char *said(const struct weir_probe_seen *seen, const char *name)
{
    static struct weir_probe_report report;
    static char text[8192];
    size_t len = 0;

    report.n_findings = report.n_settings = 0;
    weir_probe_find(seen, &report);
    weir_probe_set(seen, &report);
    text[0] = '\0';
    for (size_t i = 0; i < report.n_findings; i++) {
        if (strcmp(report.findings[i].name, name) == 0)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\n",
                                    report.findings[i].text);
    }
    for (size_t i = 0; i < report.n_settings && strcmp(name, "pool") == 0; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s: %s # %s\n",
                                report.settings[i].key, report.settings[i].value,
                                report.settings[i].reason);
    return text;
}

struct row {
    struct weir_probe_seen seen;
    const char *name;
    const char *has;   /* is in it; "" is: nothing is said */
    const char *lacks; /* is not; NULL: nothing to look for */
};

static void run(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *text = said(&rows[i].seen, rows[i].name);
        if (*rows[i].has)
            cr_expect(strstr(text, rows[i].has), "row %zu: `%s` is not in: %s", i, rows[i].has,
                      text);
        else
            cr_expect_str_empty(text, "row %zu: %s", i, text);
        cr_expect(!rows[i].lacks || !strstr(text, rows[i].lacks), "row %zu: `%s` is in: %s", i,
                  rows[i].lacks, text);
    }
}

#define RUN() run(rows, sizeof(rows) / sizeof(*rows))
/* A server of HTTP/1.1 that keeps connections. */
#define KEEPS .first = {.minor = 1, .status = 200, .is_keep_alive = true}, .requests = 120
#define SAYS_SO .first = {.minor = 1, .status = 200, .is_keep_alive = true}, .requests = 1
#define CLOSES                                                                                     \
    .first = {.minor = 1, .status = 200}, .requests = 1, .requests_end = WEIR_PROBE_END_ANNOUNCED

Test(cli_probe, connects_and_answer)
{
    static const struct row rows[] = {
        {{KEEPS, .n_connects = 24, .connect_us_min = 20, .connect_us_median = 50,
          .connect_us_max = 1500},
         "connects",
         "24, in 0.02 ms to 1.50 ms, half of them within 0.05 ms",
         ";"},
        {{KEEPS, .n_connects = 24, .connect_us_median = 50, .connect_us_max = 1020000},
         "connects",
         "lost its SYN",
         NULL},
        {{KEEPS, .connect_us_median = 900000, .connect_us_max = 1020000},
         "connects",
         "900.00 ms",
         "SYN"},
        {{KEEPS, .connect_us_max = 1020000}, "pool", "connect: 4s # four times", NULL},
        {{KEEPS, .connect_us_max = 1234},
         "pool",
         "connect: 2s # connecting took up to 1.234 ms",
         NULL},
        {{.first = {.minor = 1, .status = 404, .server = "x/1"}},
         "answer",
         "HTTP/1.1, status 404, first byte after 0.00 ms, x/1; errors",
         NULL},
        {{KEEPS}, "answer", "HTTP/1.1, status 200", "errors"},
    };
    RUN();
}

Test(cli_probe, keep_alive)
{
    static const struct row rows[] = {
        {{KEEPS}, "keep-alive", "yes", NULL},
        {{CLOSES}, "keep-alive", "announces a close", NULL},
        {{.first = {.minor = 0}, .requests = 1}, "keep-alive", "HTTP/1.0 without", NULL},
        {{.first = {.minor = 1, .is_ended = true}, .requests = 1}, "keep-alive", "no length", NULL},
        {{SAYS_SO, .requests_end = WEIR_PROBE_END_FIN}, "keep-alive", "it says so, but", NULL},
        {{KEEPS, .has_left = true}, "keep-alive", "bytes come behind", NULL},
        {{KEEPS, .has_left = true}, "requests", "", NULL},
        {{KEEPS, .has_left = true},
         "pool",
         "max_requests: 1 # it talks out of turn",
         "idle_timeout"},
    };
    RUN();
}

Test(cli_probe, requests)
{
    static const struct row rows[] = {
        {{KEEPS}, "requests", "more than 120 on a connection\n", NULL},
        {{KEEPS}, "pool", "close: reset", "max_requests"},
        {{KEEPS, .announced_requests = 1000},
         "requests",
         "more than 120 on a connection; it announces 1000",
         NULL},
        {{KEEPS, .announced_requests = 1000},
         "pool",
         "max_requests: 1000 # it announces so many",
         NULL},
        {{KEEPS, .requests_end = WEIR_PROBE_END_ANNOUNCED},
         "requests",
         "120 on a connection, and the last answer says so",
         NULL},
        {{KEEPS, .requests_end = WEIR_PROBE_END_ANNOUNCED},
         "pool",
         "max_requests: 120 # its own limit",
         NULL},
        {{SAYS_SO, .requests_end = WEIR_PROBE_END_FIN},
         "requests",
         "1 on a connection, then a close that no answer announces",
         NULL},
        {{SAYS_SO, .requests_end = WEIR_PROBE_END_FIN},
         "pool",
         "max_requests: 1 # it ends the connection then without a word",
         "idle_timeout"},
        {{SAYS_SO, .requests_end = WEIR_PROBE_END_RESET}, "requests", "then a reset", NULL},
        {{KEEPS, .requests_end = WEIR_PROBE_END_SILENT}, "requests", "then no answer", NULL},
        {{CLOSES}, "requests", "", NULL},
        {{CLOSES}, "pool", "spares it the TIME_WAIT", "max_requests"},
    };
    RUN();
}

#define ENDED(after)                                                                               \
    {                                                                                              \
        .end = WEIR_PROBE_END_FIN, .ms = (after)                                                   \
    }

Test(cli_probe, idle_timeout)
{
    static const struct row rows[] = {
        {{KEEPS, .idle = {ENDED(5001), ENDED(5003)}, .n_idle = 2},
         "idle timeout",
         "5.0 s (2 of 2); nothing is announced",
         NULL},
        {{KEEPS, .idle = {ENDED(5001), ENDED(5003)}, .n_idle = 2},
         "pool",
         "idle_timeout: 4500ms # it closes after 5.001 s",
         NULL},
        {{KEEPS, .idle = {ENDED(300), ENDED(210), {0}}, .n_idle = 3},
         "idle timeout",
         "210 ms to 300 ms (2 of 3)",
         NULL},
        {{KEEPS, .idle = {ENDED(300), ENDED(210), {0}}, .n_idle = 3},
         "pool",
         "idle_timeout: 189ms",
         NULL},
    };
    RUN();
}

Test(cli_probe, idle_timeout_not_seen_or_announced)
{
    static const struct row rows[] = {
        {{KEEPS, .n_idle = 4, .watched_ms = 54321},
         "idle timeout",
         "longer than 54.3 s; nothing",
         NULL},
        {{KEEPS, .n_idle = 4, .watched_ms = 54321},
         "pool",
         "idle_timeout: 54s # for so long it was watched",
         NULL},
        {{KEEPS, .n_idle = 4, .watched_ms = 999}, "idle timeout", "", NULL},
        {{KEEPS, .n_idle = 4, .watched_ms = 999}, "pool", "close: reset", "idle_timeout"},
        {{KEEPS, .n_idle = 4, .watched_ms = 54321, .announced_ms = 120000},
         "idle timeout",
         "longer than 54.3 s; 120.0 s are announced\n",
         NULL},
        {{KEEPS, .n_idle = 4, .watched_ms = 54321, .announced_ms = 120000},
         "pool",
         "idle_timeout: 119s # it announces 120.000 s",
         NULL},
        {{KEEPS, .idle = {ENDED(3000)}, .n_idle = 1, .announced_ms = 5000},
         "pool",
         "idle_timeout: 2700ms # it closes after 3.000 s",
         NULL},
        {{KEEPS, .idle = {ENDED(5500)}, .n_idle = 1, .announced_ms = 5000,
          .is_announced_if_asked = true},
         "idle timeout",
         "5.0 s are announced to who asks",
         NULL},
        {{KEEPS, .idle = {ENDED(5500)}, .n_idle = 1, .announced_ms = 5000},
         "pool",
         "idle_timeout: 4500ms # it announces 5",
         NULL},
        {{KEEPS, .fresh = {ENDED(20000), {0}}, .n_fresh = 2},
         "unused connections",
         "closed after 20.0 s (1 of 2)",
         NULL},
        {{KEEPS, .n_fresh = 2, .watched_ms = 9000},
         "unused connections",
         "longer than 9.0 s",
         NULL},
        {{KEEPS, .idle = {{.has_talked = true}}, .n_idle = 1},
         "out of turn",
         "bytes that nobody asked for",
         NULL},
        {{KEEPS, .idle = {{.has_talked = true}}, .n_idle = 1},
         "pool",
         "max_requests: 1 # it talks",
         "idle_timeout"},
        {{KEEPS, .fresh = {{.has_talked = true, .talked_status = 408}}, .n_fresh = 1},
         "out of turn",
         "(408) that nobody asked for on unused",
         NULL},
        {{KEEPS, .fresh = {{.has_talked = true, .talked_status = 408}}, .n_fresh = 1},
         "pool",
         "max: 64",
         "max_requests"},
    };
    RUN();
}

Test(cli_probe, company)
{
    static const struct row rows[] = {
        {{KEEPS}, "opened ahead", "", NULL},
        {{KEEPS}, "pool", "max: 64 # a guess", "min_idle"},
        {{KEEPS, .ahead = {WEIR_PROBE_BESIDE_ANSWERED, 1, 0}},
         "opened ahead",
         "1 unused: others are answered beside",
         NULL},
        {{KEEPS, .ahead = {WEIR_PROBE_BESIDE_AFTER, 1, 1}},
         "opened ahead",
         "one connection at a time",
         NULL},
        {{KEEPS, .ahead = {WEIR_PROBE_BESIDE_AFTER, 1, 1}},
         "pool",
         "max: 1 # it serves one connection at a time",
         NULL},
        {{KEEPS, .ahead = {WEIR_PROBE_BESIDE_AFTER, 1, 1}}, "pool", "min_idle: 0 # ", NULL},
        {{KEEPS, .kept = {WEIR_PROBE_BESIDE_AFTER, 1, 1}},
         "kept idle",
         "one connection at a time",
         NULL},
        {{KEEPS, .kept = {WEIR_PROBE_BESIDE_AFTER, 1, 1}}, "pool", "max: 1 # ", NULL},
        {{KEEPS, .ahead_many = {WEIR_PROBE_BESIDE_AFTER, 10, 4}},
         "opened ahead",
         "10 unused: others are answered once 3 or fewer are left",
         NULL},
        {{KEEPS, .ahead_many = {WEIR_PROBE_BESIDE_AFTER, 10, 4}},
         "pool",
         "max: 4 # it serves 4 connections",
         NULL},
        {{KEEPS, .ahead_many = {WEIR_PROBE_BESIDE_AFTER, 10, 4},
          .kept = {WEIR_PROBE_BESIDE_AFTER, 1, 1}},
         "pool",
         "max: 1 # ",
         NULL},
        {{KEEPS, .ahead = {WEIR_PROBE_BESIDE_NEVER, 1, 0}},
         "opened ahead",
         "also after they were closed",
         NULL},
        {{KEEPS, .ahead = {WEIR_PROBE_BESIDE_LATE, 1, 0}},
         "opened ahead",
         "not answered soon",
         NULL},
        {{KEEPS, .ahead = {WEIR_PROBE_BESIDE_LATE, 1, 0}}, "pool", "max: 64", NULL},
    };
    RUN();
}

Test(cli_probe, methods)
{
    static const struct row rows[] = {
        {{KEEPS}, "HEAD", "", NULL},
        {{KEEPS, .head = WEIR_PROBE_HEAD_FINE}, "HEAD", "as it should be", NULL},
        {{KEEPS, .head = WEIR_PROBE_HEAD_UNLIKE, .head_status = 405},
         "HEAD",
         "unlike GET: with status 405",
         NULL},
        {{KEEPS, .head = WEIR_PROBE_HEAD_BODY}, "HEAD", "with a body", NULL},
        {{KEEPS, .head = WEIR_PROBE_HEAD_FAILED}, "HEAD", "no answer", NULL},
        {{KEEPS}, "100-continue", "", NULL},
        {{KEEPS, .continues = WEIR_PROBE_CONTINUE_SENT}, "100-continue", "a 100 is sent", NULL},
        {{KEEPS, .continues = WEIR_PROBE_CONTINUE_FINAL, .continue_status = 417},
         "100-continue",
         "(status 417)",
         NULL},
        {{KEEPS, .continues = WEIR_PROBE_CONTINUE_IGNORED}, "100-continue", "in vain", NULL},
        {{KEEPS, .continues = WEIR_PROBE_CONTINUE_FAILED}, "100-continue", "no answer", NULL},
    };
    RUN();
}

Test(cli_probe, time_wait)
{
    static const struct row rows[] = {
        {{CLOSES}, "TIME_WAIT", "closes first, after each answer", NULL},
        {{SAYS_SO, .requests_end = WEIR_PROBE_END_RESET},
         "TIME_WAIT",
         "none: it ends connections with a reset",
         NULL},
        {{KEEPS}, "TIME_WAIT", "not seen to close first", NULL},
        {{KEEPS, .has_left = true}, "TIME_WAIT", "not seen to close first", NULL},
        {{KEEPS, .idle = {ENDED(300)}, .n_idle = 1},
         "TIME_WAIT",
         "closes idle connections first",
         NULL},
        {{KEEPS, .idle = {{.end = WEIR_PROBE_END_RESET}}, .n_idle = 1},
         "TIME_WAIT",
         "none: it ends idle",
         NULL},
    };
    RUN();
}

Test(cli_probe, margin)
{
    static const uint64_t rows[][2] = {{0, 0},         {1, 1},         {100, 90},
                                       {300, 270},     {1000, 900},    {2000, 1800},
                                       {5001, 4500},   {10000, 9000},  {15000, 14000},
                                       {75000, 74000}, {75999, 74000}, {3600000, 3599000}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint64_t got = weir_probe_margin(rows[i][0]);
        cr_expect_eq(got, rows[i][1], "%zu: %zu", i, (size_t)got);
    }
}
