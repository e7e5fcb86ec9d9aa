/* A request is sent again exactly where that is safe, and seen twice by a server nowhere else. */
#include "support/t_ask.h"

#include <string.h>

enum { BODY_BYTES = 40000 };

/* One worker, one kept client, and one idle upstream connection that has carried /first. */
struct race {
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *client, *upstream;
};

static void open_race(struct race *race, const char *retry)
{
    t_origin_open(&race->origin);
    t_weir_start_shape(&race->weir,
                       &(struct t_shape){.workers = 1,
                                         .port = race->origin.port,
                                         .pool = retry ? t_text("    retry: %s\n", retry) : NULL});
    race->client = t_connect(race->weir.port);
    t_send(race->client, "GET /first HTTP/1.1\r\nHost: h\r\n\r\n");
    race->upstream = t_accept(&race->origin);
    t_serve(race->upstream, "/first");
    t_assert_text(t_read_response(race->client, "GET")->body, "/first");
    t_pool_await(&race->weir, "connections/idle", 1);
}

static void ask(struct race *race, const char *method, const char *fields)
{
    t_sendf(race->client, "%s /second HTTP/1.1\r\nHost: h\r\n%sContent-Length: 5\r\n\r\nhello",
            method, fields ? fields : "");
}

/* The request is on its way to weir, and so is the end of the connection it will go out on: before
 * weir hears of that, it has written. */
static void end_under(struct race *race, const char *method, const char *fields, bool with_reset)
{
    struct t_crowd crowd;

    t_crowd_open(&crowd, &race->weir);
    t_weir_freeze(&race->weir);
    ask(race, method, fields);
    t_crowd_speak(&crowd);
    if (with_reset)
        t_reset(race->upstream);
    else
        t_close(race->upstream);
    t_weir_thaw(&race->weir);
    t_crowd_leave(&crowd);
}

/* The server reads the request whole and closes without a word. */
static void read_and_close(struct t_conn *upstream, const char *method)
{
    struct t_message *request = t_read_request(upstream);
    t_assert_text(request->method, method);
    t_assert_text(request->target, "/second");
    t_assert_text(request->body, "hello");
    t_close(upstream);
}

static void expect_again(struct race *race, const char *method)
{
    struct t_conn *fresh = t_accept(&race->origin);
    struct t_message *request = t_read_request(fresh);
    t_assert_text(request->method, method);
    t_assert_text(request->body, "hello");
    t_answer(fresh, "again");
    t_assert_text(t_read_response(race->client, method)->body, "again");
}

/* The client is told, and the next thing the server sees is the next request. */
static void expect_no_more(struct race *race)
{
    struct t_message *answer = t_read_response(race->client, "POST");
    t_assert_number("status", answer->status, 502);
    t_send(race->client, "GET /third HTTP/1.1\r\nHost: h\r\n\r\n");
    t_serve(t_accept(&race->origin), "/third");
    t_assert_text(t_read_response(race->client, "GET")->body, "/third");
}

static void assert_races(struct race *race, int seen, int retried, int on_evidence, int failed)
{
    t_pool_assert(&race->weir, "races/seen", seen);
    t_pool_assert(&race->weir, "races/retried", retried);
    t_pool_assert(&race->weir, "races/retried_on_evidence", on_evidence);
    t_pool_assert(&race->weir, "races/failed", failed);
    t_weir_end(&race->weir);
}

Test(retry, a_get_whose_connection_ends_under_it)
{
    struct race race;
    open_race(&race, NULL);
    end_under(&race, "GET", NULL, false);
    expect_again(&race, "GET");
    t_pool_assert(&race.weir, "requests/retried", 1);
    assert_races(&race, 1, 1, 0, 0);
}

Test(retry, a_get_whose_connection_is_reset_under_it)
{
    struct race race;
    open_race(&race, NULL);
    end_under(&race, "GET", NULL, true);
    expect_again(&race, "GET");
    t_weir_end(&race.weir);
}

Test(retry, a_post_by_evidence_when_the_server_had_closed_before_it)
{
    struct race race;
    open_race(&race, NULL);
    end_under(&race, "POST", NULL, false);
    expect_again(&race, "POST");
    assert_races(&race, 1, 1, 1, 0);
}

Test(retry, no_post_when_evidence_is_off)
{
    struct race race;
    open_race(&race, "{non_idempotent: off}");
    end_under(&race, "POST", NULL, false);
    expect_no_more(&race);
    assert_races(&race, 1, 0, 0, 1);
}

/* Both are heard of in one turn: the end shows before anything is written. */
Test(retry, a_post_of_which_nothing_was_sent_needs_no_evidence)
{
    struct race race;
    open_race(&race, "{non_idempotent: off}");
    t_weir_freeze(&race.weir);
    ask(&race, "POST", NULL);
    t_close(race.upstream);
    t_weir_thaw(&race.weir);
    expect_again(&race, "POST");
    assert_races(&race, 1, 1, 0, 0);
}

Test(retry, a_post_the_server_read_is_seen_once)
{
    struct race race;
    open_race(&race, NULL);
    ask(&race, "POST", NULL);
    read_and_close(race.upstream, "POST");
    expect_no_more(&race);
    assert_races(&race, 1, 0, 0, 1);
}

Test(retry, a_put_the_server_read)
{
    struct race race;
    open_race(&race, NULL);
    ask(&race, "PUT", NULL);
    read_and_close(race.upstream, "PUT");
    expect_again(&race, "PUT");
    assert_races(&race, 1, 1, 0, 0);
}

Test(retry, a_post_with_an_idempotency_key)
{
    struct race race;
    open_race(&race, NULL);
    ask(&race, "POST", "Idempotency-Key: \"k\"\r\n");
    read_and_close(race.upstream, "POST");
    expect_again(&race, "POST");
    assert_races(&race, 1, 1, 0, 0);
}

Test(retry, nothing_after_a_byte_of_an_answer)
{
    struct race race;
    open_race(&race, NULL);
    ask(&race, "GET", NULL);
    t_read_request(race.upstream);
    t_send(race.upstream, "H");
    t_close(race.upstream);
    expect_no_more(&race);
    assert_races(&race, 0, 0, 0, 0);
}

Test(retry, nothing_after_an_answer_that_is_not_http)
{
    struct race race;
    open_race(&race, NULL);
    ask(&race, "GET", NULL);
    t_read_request(race.upstream);
    t_send(race.upstream, "220 ready\r\n\r\n");
    t_expect_any_end(race.upstream);
    expect_no_more(&race);
    assert_races(&race, 0, 0, 0, 0);
}

/* On a connection that has carried nothing before. */
Test(retry, on_a_fresh_connection_by_method_alone)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1, .port = origin.port});

    struct t_conn *client = t_ask(&weir, "GET", "/get", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_close(upstream);
    t_serve(t_accept(&origin), "/get");
    t_await_answer(client, "GET", 200);
    t_pool_await(&weir, "connections/idle", 1);
    t_pool_assert(&weir, "races/seen", 0);
    t_weir_end(&weir);

    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1, .port = origin.port});
    client = t_ask(&weir, "POST", "/post", "Content-Length: 1\r\n");
    t_send(client, "x");
    upstream = t_accept(&origin);
    t_assert_text(t_read_request(upstream)->body, "x");
    t_close(upstream);
    t_await_answer(client, "POST", 502);
    t_round(&weir, &origin, NULL, "/next");
    t_pool_assert(&weir, "requests/retried", 0);
    t_weir_end(&weir);
}

Test(retry, as_often_as_attempts_says)
{
    for (int attempts = 0; attempts <= 3; attempts++) {
        struct t_origin origin;
        struct t_weir weir;
        t_origin_open(&origin);
        t_weir_start_shape(&weir, &(struct t_shape){
                                      .workers = 1,
                                      .port = origin.port,
                                      .pool = t_text("    retry: {attempts: %d}\n", attempts),
                                  });
        struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
        for (int i = 0; i <= attempts; i++) {
            struct t_conn *upstream = t_accept(&origin);
            t_read_request(upstream);
            t_close(upstream);
        }
        t_await_answer(client, "GET", 502);
        t_assert_number("connections", t_origin_connections(&origin), attempts + 1);
        t_pool_assert(&weir, "requests/retried", attempts);
        t_pool_assert(&weir, "requests/failed", 1);
        t_weir_end(&weir);
    }
}

/* Kept for replay only while it fits one block. */
Test(retry, a_body_beyond_one_block_is_not_sent_again)
{
    static const size_t sizes[] = {5000, BODY_BYTES};
    static char body[BODY_BYTES];
    struct t_origin origin;
    struct t_weir weir;
    t_pattern_fill(body, sizeof(body), 0);
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1, .port = origin.port});

    for (int i = 0; i < 2; i++) {
        struct t_conn *client = t_ask(&weir, "PUT", "/",
                                      t_text("Content-Length: %zu\r\n", sizes[i]));
        t_send_bytes(client, body, sizes[i]);
        struct t_conn *upstream = t_accept(&origin);
        t_assert_number("body", (int64_t)t_read_request(upstream)->body_len, (int64_t)sizes[i]);
        t_close(upstream);
        if (i == 1) {
            t_await_answer(client, "PUT", 502);
            continue;
        }
        upstream = t_accept(&origin);
        struct t_message *again = t_read_request(upstream);
        t_assert_bytes(again->body, again->body_len, body, sizes[i]);
        t_send(upstream, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
        t_await_answer(client, "PUT", 200);
    }
    t_pool_assert(&weir, "requests/retried", 1);
    t_round(&weir, &origin, NULL, "/next");
    t_weir_end(&weir);
}

Test(retry, another_server_when_one_refuses)
{
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *upstream = NULL;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){
                                  .workers = 1,
                                  .servers = t_text("[{address: \"127.0.0.1:%d\"}, "
                                                    "{address: \"127.0.0.1:%d\"}]",
                                                    t_free_port(), origin.port),
                                  .pool = "    balance: round_robin\n",
                              });
    /* A POST, too: not one byte of it was written. */
    for (int i = 0; i < 6; i++) {
        const char *method = i % 2 ? "POST" : "GET";
        struct t_conn *client = t_ask(&weir, method, "/", i % 2 ? "Content-Length: 0\r\n" : NULL);
        if (!upstream)
            upstream = t_accept(&origin);
        t_serve(upstream, "/");
        t_await_answer(client, method, 200);
    }
    t_assert_number("connections", t_origin_connections(&origin), 1);
    cr_assert_gt(t_pool_number(&weir, "requests/retried"), 0);
    t_pool_assert(&weir, "requests/failed", 0);
    t_weir_end(&weir);
}

/* A storm: every request fails. What may be sent again is a share of them, and a few to begin with.
 */
Test(retry, the_budget_bounds_a_storm)
{
    struct t_weir weir;
    t_weir_start_shape(&weir, &(struct t_shape){
                                  .workers = 1,
                                  .port = t_free_port(),
                                  .pool = "    retry: {attempts: 3, budget: 10%}\n"
                                          "    outlier: {failures: 0}\n",
                              });
    for (int i = 0; i < 200; i++)
        t_await_answer(t_ask(&weir, "GET", "/", NULL), "GET", 502);
    int64_t retried = t_pool_number(&weir, "requests/retried");
    cr_assert_geq(retried, 20);
    cr_assert_leq(retried, 30, "%d retries for 200 requests", (int)retried);
    t_pool_assert(&weir, "requests/failed", 200);
    t_weir_end(&weir);
}
