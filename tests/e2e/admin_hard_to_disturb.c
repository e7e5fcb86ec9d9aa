/* Nothing that is sent to the admin endpoint holds it up, does what it does not say, or changes
 * anything at the behest of a page in somebody's browser; and it answers while workers are busy. */
#include "support/t_ask.h"
#include "support/t_metrics.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { SLOW_ONES = 150 };

#define SHOWN "Authorization: Bearer " T_TOKEN "\r\n"
#define DRAIN "POST /drain HTTP/1.1\r\nHost: h\r\n" SHOWN "Content-Length: 0\r\n\r\n"

static struct t_origin origin;
static struct t_weir weir;

static void open_both(void)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port, .token = true});
}

/* BYTES get one answer, with STATUS, and nothing comes after it. */
static void say(const char *bytes, int status)
{
    struct t_conn *admin = t_connect(weir.admin_port);
    t_send(admin, bytes);
    t_assert_number(bytes, t_read_response(admin, "GET")->status, status);
    t_expect_end(admin);
    t_close(admin);
}

static void assert_unchanged(void)
{
    json_t *stats = t_stats(&weir);
    t_assert_text(json_string_value(t_stats_find(stats, "weir/state")), "running");
    t_assert_number("generation", json_integer_value(t_stats_find(stats, "weir/generation")), 1);
    cr_assert(json_is_false(t_stats_find(stats, "pools/legacy/paused")));
}

/* A second request is never read, wherever it hides. */
Test(admin_hard_to_disturb, one_request_a_connection)
{
    open_both();
    say("GET /stats HTTP/1.1\r\nHost: h\r\n\r\n" DRAIN, 200);
    say("GET /connections HTTP/1.1\r\nHost: h\r\n\r\n" DRAIN, 200);
    say(t_text("GET /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n" DRAIN,
               strlen(DRAIN)),
        200);
    say(t_text("POST /pools/legacy/flush HTTP/1.1\r\nHost: h\r\n" SHOWN
               "Content-Length: %zu\r\n\r\n" DRAIN,
               strlen(DRAIN)),
        200);
    say("POST /pools/legacy/flush HTTP/1.1\r\nHost: h\r\n" SHOWN
        "Content-Length: 3\r\n\r\nabc" DRAIN,
        200);
    say("POST /pools/legacy/flush HTTP/1.1\r\nHost: h\r\n" SHOWN "\r\n" DRAIN, 200);
    say("POST /pools/legacy/flush HTTP/1.1\r\nHost: h\r\n" SHOWN
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" DRAIN,
        411);
    say("POST /pools/legacy/flush HTTP/1.1\r\nHost: h\r\n" SHOWN
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" DRAIN,
        400);
    say("GET /healthz HTTP/1.1\r\nHost: h\r\nX: a\nPOST /drain HTTP/1.1\r\n\r\n", 400);
    say("GET http://h/stats HTTP/1.1\r\nHost: h\r\n\r\n" DRAIN, 200);
    assert_unchanged();
    t_weir_end(&weir);
}

/* A body that is announced and does not come is waited for, alone; what it asked for is not done.
 */
Test(admin_hard_to_disturb, a_body_that_does_not_come)
{
    open_both();
    struct t_conn *admin = t_connect(weir.admin_port);
    t_send(admin,
           "POST /drain HTTP/1.1\r\nHost: h\r\n" SHOWN "Content-Length: 10\r\n\r\n123456789");
    t_await_read_by_peer(admin);
    assert_unchanged();
    t_reset(admin);
    assert_unchanged();
    t_weir_end(&weir);
}

Test(admin_hard_to_disturb, oversized_requests)
{
    open_both();
    char *much = t_alloc(20001), *fields = t_alloc(4000);
    memset(much, 'a', 20000);
    struct t_conn *admin = t_connect(weir.admin_port);
    t_try_send(admin, "GET /", 5);
    t_try_send(admin, much, 20000);
    t_assert_number("target", t_read_response(admin, "GET")->status, 414);
    t_reset(admin);
    for (int i = 0; i < 300; i++)
        strcat(fields, "X: y\r\n");
    admin = t_connect(weir.admin_port);
    const char *head = t_text("GET /stats HTTP/1.1\r\nHost: h\r\n%s\r\n", fields);
    t_try_send(admin, head, strlen(head));
    t_assert_number("fields", t_read_response(admin, "GET")->status, 431);
    t_reset(admin);
    /* Somebody who never stops sending does not fill anything. */
    admin = t_connect(weir.admin_port);
    t_send(admin, "GET /stats HTTP/1.1\r\nHost: h\r\n\r\n");
    t_try_send(admin, much, 20000);
    t_assert_number("status", t_read_response(admin, "GET")->status, 200);
    t_reset(admin);
    assert_unchanged();
    t_weir_end(&weir);
}

/* More slow ones than there are places, in every stage: each later request still gets its answer,
 * and the slowest make room. */
Test(admin_hard_to_disturb, slow_requests_hold_nothing_up)
{
    static const char *const stages[] = {
        "",
        "G",
        "GET /stats HTTP/1.1\r\nHost: h\r\nX",
        "POST /drain HTTP/1.1\r\nHost: h\r\n" SHOWN "Content-Length: 5\r\n\r\nab",
        "GET /stats HTTP/1.1\r\nHost: h\r\n\r\n",
    };
    open_both();
    for (int i = 0; i < SLOW_ONES; i++) {
        struct t_conn *slow = t_connect_small(weir.admin_port, 2048);
        const char *stage = stages[i % 5];
        t_try_send(slow, stage, strlen(stage));
        if (i % 10 == 0)
            t_assert_number("health", t_admin(&weir, "GET", "/healthz")->status, 200);
    }
    assert_unchanged();
    t_assert_number("connections", t_admin(&weir, "GET", "/connections")->status, 200);
    t_order(&weir, "/pools/legacy/flush", 200);
    t_assert_number("metrics", t_admin(&weir, "GET", "/metrics")->status, 200);
    t_weir_end(&weir);
}

/* What a page of another site can make a browser send: simple requests, with the browser's own
 * fields, and none that would need leave. */
Test(admin_hard_to_disturb, a_page_in_a_browser_changes_nothing)
{
    static const char *const fields[] = {
        "Origin: http://evil.example\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx",
        "Origin: null\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: 3\r\n\r\na=b",
        "Origin: http://evil.example\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        "Content-Length: 0\r\n\r\n",
        "Origin: http://evil.example\r\nCookie: Authorization=" T_TOKEN "\r\n"
        "Sec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n\r\n",
        "Origin: http://evil.example\r\nAuthorization: Basic " T_TOKEN "\r\n"
        "Content-Length: 0\r\n\r\n",
    };
    static const char *const targets[] = {"/drain", "/reload", "/reload/dry-run",
                                          "/pools/legacy/pause", "/drain?access_token=" T_TOKEN};
    open_both();
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++)
            say(t_text("POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s", targets[i], weir.admin_port,
                       fields[k]),
                401);
    }
    /* Leave to send the token is not given, nor to read the answer. */
    struct t_conn *admin = t_connect(weir.admin_port);
    t_send(admin, "OPTIONS /drain HTTP/1.1\r\nHost: h\r\nOrigin: http://evil.example\r\n"
                  "Access-Control-Request-Method: POST\r\n"
                  "Access-Control-Request-Headers: authorization\r\n\r\n");
    struct t_message *answer = t_read_response(admin, "OPTIONS");
    t_assert_number("preflight", answer->status, 405);
    cr_assert_null(t_field(answer, "Access-Control-Allow-Origin"));
    assert_unchanged();
    t_weir_end(&weir);
}

/* A page whose own name was made to lead here is told nothing. */
Test(admin_hard_to_disturb, a_foreign_name_for_loopback_is_refused)
{
    static const struct {
        const char *host;
        int status;
    } cases[] = {
        {"evil.example", 403},       {"evil.example:8900", 403}, {"127.0.0.1.evil.example", 403},
        {"localhost.evil.com", 403}, {"evil.localhost.", 403},   {"127.0.0.1", 200},
        {"127.0.0.1:8900", 200},     {"[::1]:8900", 200},        {"localhost", 200},
        {"LOCALHOST:1", 200},        {"weir.localhost", 200},    {"weir", 200},
    };
    open_both();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        say(t_text("GET /stats HTTP/1.1\r\nHost: %s\r\n\r\n", cases[i].host), cases[i].status);
    say("POST /drain HTTP/1.1\r\nHost: evil.example\r\n" SHOWN "\r\n", 403);
    assert_unchanged();
    t_weir_end(&weir);
}

/* All workers at their limit, for as long as it takes to ask for everything. */
Test(admin_hard_to_disturb, it_answers_while_the_workers_are_busy)
{
    struct t_real_origin real;
    t_real_origin_start(&real, NULL);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 2, .port = real.port, .token = true});
    struct t_load_beside beside = {
        .load = {.port = weir.port, .concurrency = 64, .requests = 6000, .reset_clients = true}};
    t_load_start(&beside);
    t_stats_await_at_least(&weir, "pools/legacy/requests/total", 100);
    int64_t total, n_rounds = 0;
    do {
        t_assert_number("health", t_admin(&weir, "GET", "/healthz")->status, 200);
        t_assert_number("connections", t_admin(&weir, "GET", "/connections")->status, 200);
        t_scrape(&weir);
        t_order(&weir, "/pools/legacy/flush", 200);
        total = t_pool_number(&weir, "requests/total");
        n_rounds += total < (int64_t)beside.load.requests;
    } while (total < (int64_t)beside.load.requests / 2);
    cr_assert_gt(n_rounds, 0, "the load was over before all was answered");
    t_load_join(&beside);
    t_load_assert_ok(&beside.load, &beside.result);
    t_weir_end(&weir);
    t_real_origin_stop(&real);
}
