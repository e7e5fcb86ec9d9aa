/* Over TLS, too, a request is sent again exactly where that is safe: the kernel's evidence is held
 * against the bytes that travel, not those of the request. */
#include "support/t_tls_scene.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum how { GOODBYE, CUT, RESET };

/* One worker, one kept client, and one idle upstream connection that has carried /first. */
struct race {
    struct t_tls_scene scene;
    struct t_conn *client, *upstream;
};

static void open_race(struct race *race, const char *retry)
{
    t_tls_scene_open(&race->scene, 1, t_text("%s" T_TLS_TRUST, retry ? retry : ""), NULL);
    race->client = t_connect(race->scene.weir.port);
    t_send(race->client, "GET /first HTTP/1.1\r\nHost: h\r\n\r\n");
    race->upstream = t_tls_accept(&race->scene.origin, &race->scene.tls);
    t_serve(race->upstream, "/first");
    t_assert_text(t_read_response(race->client, "GET")->body, "/first");
    t_pool_await(&race->scene.weir, "connections/idle", 1);
}

static void ask(struct race *race, const char *method)
{
    t_sendf(race->client, "%s /second HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
            method);
}

static void end(struct t_conn *upstream, enum how how)
{
    if (how == GOODBYE)
        t_close(upstream);
    else if (how == CUT)
        t_tls_break_off(upstream);
    else
        t_reset(upstream);
}

/* The request is on its way to weir, and so is the end of the connection it will go out on: before
 * weir hears of that, it has written. */
static void end_under(struct race *race, const char *method, enum how how)
{
    struct t_crowd crowd;

    t_crowd_open(&crowd, &race->scene.weir);
    t_weir_freeze(&race->scene.weir);
    ask(race, method);
    t_crowd_speak(&crowd);
    end(race->upstream, how);
    t_weir_thaw(&race->scene.weir);
    t_crowd_leave(&crowd);
}

static void expect_again(struct race *race, const char *method)
{
    struct t_conn *fresh = t_tls_accept(&race->scene.origin, &race->scene.tls);
    struct t_message *request = t_read_request(fresh);
    t_assert_text(request->method, method);
    t_assert_text(request->body, "hello");
    t_answer(fresh, "again");
    t_assert_text(t_read_response(race->client, method)->body, "again");
}

/* The client is told, and the next thing the server sees is the next request. */
static void expect_no_more(struct race *race)
{
    t_assert_number("status", t_read_response(race->client, "POST")->status, 502);
    t_send(race->client, "GET /third HTTP/1.1\r\nHost: h\r\n\r\n");
    t_serve(t_tls_accept(&race->scene.origin, &race->scene.tls), "/third");
    t_assert_text(t_read_response(race->client, "GET")->body, "/third");
}

static void assert_races(struct race *race, int retried, int on_evidence, int failed)
{
    struct t_weir *weir = &race->scene.weir;
    t_pool_assert(weir, "races/seen", 1);
    t_pool_assert(weir, "races/retried", retried);
    t_pool_assert(weir, "races/retried_on_evidence", on_evidence);
    t_pool_assert(weir, "races/failed", failed);
    t_assert_number("failed", t_tls_number(&race->scene, "failed"), 0);
    t_weir_end(weir);
}

static void again(const char *method, enum how how, int on_evidence)
{
    struct race race;
    open_race(&race, NULL);
    end_under(&race, method, how);
    expect_again(&race, method);
    assert_races(&race, 1, on_evidence, 0);
}

Test(tls_server_retry, a_get_whose_connection_ends_under_it)
{
    again("GET", GOODBYE, 0);
}

Test(tls_server_retry, a_get_whose_connection_is_cut_under_it)
{
    again("GET", CUT, 0);
}

Test(tls_server_retry, a_get_whose_connection_is_reset_under_it)
{
    again("GET", RESET, 0);
}

Test(tls_server_retry, a_post_by_evidence_when_the_server_had_said_goodbye)
{
    again("POST", GOODBYE, 1);
}

Test(tls_server_retry, a_post_by_evidence_when_the_server_had_closed)
{
    again("POST", CUT, 1);
}

Test(tls_server_retry, no_post_when_evidence_is_off)
{
    struct race race;
    open_race(&race, "    retry: {non_idempotent: off}\n");
    end_under(&race, "POST", GOODBYE);
    expect_no_more(&race);
    assert_races(&race, 0, 0, 1);
}

static void once(enum how how)
{
    struct race race;
    open_race(&race, NULL);
    ask(&race, "POST");
    t_assert_text(t_read_request(race.upstream)->body, "hello");
    end(race.upstream, how);
    expect_no_more(&race);
    assert_races(&race, 0, 0, 1);
}

Test(tls_server_retry, a_post_the_server_read_is_seen_once)
{
    once(GOODBYE);
}

Test(tls_server_retry, a_post_the_server_read_is_seen_once_after_a_cut)
{
    once(CUT);
}

Test(tls_server_retry, a_post_the_server_read_is_seen_once_after_a_reset)
{
    once(RESET);
}

/* The count goes on with the connection: here it was opened by the other worker, and has carried
 * enough that the records make up more than a request. */
Test(tls_server_retry, evidence_holds_on_a_connection_that_was_taken_over)
{
    struct t_tls_scene scene;
    struct t_conn *upstream = NULL, *client;
    t_tls_scene_open(&scene, 2, NULL, NULL);
    for (int i = 0; i < 400 && (i < 40 || t_pool_number(&scene.weir, "connections/stolen") < 5);
         i++)
        upstream = t_tls_round(&scene, upstream, "/a");
    cr_assert_geq(t_pool_number(&scene.weir, "connections/stolen"), 5);
    t_pool_await(&scene.weir, "connections/idle", 1);
    t_assert_number("connections", t_origin_connections(&scene.origin), 1);

    client = t_ask(&scene.weir, "POST", "/read", "Content-Length: 2\r\n");
    t_send(client, "hi");
    t_assert_text(t_read_request(upstream)->body, "hi");
    t_close(upstream);
    t_await_answer(client, "POST", 502);

    upstream = NULL;
    for (int i = 0; i < 10; i++)
        upstream = t_tls_round(&scene, upstream, "/a");
    t_pool_await(&scene.weir, "connections/idle", 1);
    t_weir_freeze(&scene.weir);
    client = t_ask(&scene.weir, "POST", "/unread", "Content-Length: 2\r\n");
    t_send(client, "ho");
    t_close(upstream);
    t_weir_thaw(&scene.weir);
    upstream = t_tls_accept(&scene.origin, &scene.tls);
    t_assert_text(t_read_request(upstream)->body, "ho");
    t_answer(upstream, "done");
    t_await_answer(client, "POST", 200);
    t_weir_end(&scene.weir);
}

/* ---- A storm of races: a server that closes idle connections at the moment of the next request
 * ---- */

enum { POSTS = 400 };

static int executed[POSTS];

/* Runs under the server's lock. After some answers the connection ends at once. */
static bool execute(const struct t_message *request, char *answer, size_t size, void *user)
{
    int *count = user;
    executed[atoi(request->target + 1)]++;
    snprintf(answer, size, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(request->target), request->target);
    return ++*count % 3 != 0;
}

static void make_post(struct t_load_request *request, bool close, void *user)
{
    char *text = t_text("POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n%s\r\nhello",
                        (int)request->id, close ? "Connection: close\r\n" : "");
    (void)user;
    strcpy(request->method, "POST");
    request->data = strdup(text);
    request->len = strlen(text);
}

static bool check_post(const struct t_load_request *request, const struct t_message *answer,
                       void *user)
{
    (void)user;
    return answer->status == 502 ||
           (answer->status == 200 && atoi(answer->body + 1) == (int)request->id);
}

Test(tls_server_retry, no_post_is_executed_twice_whatever_the_moment)
{
    struct t_tls_scene scene;
    struct t_tls_server server;
    int count = 0;
    t_tls_scene_open(&scene, 4, NULL, NULL);
    t_tls_serve(&server, &scene.origin, &scene.tls, execute, &count);
    struct t_load load = {.port = scene.weir.port,
                          .concurrency = 4,
                          .requests = POSTS,
                          .per_connection = 1,
                          .make = make_post,
                          .check = check_post};
    struct t_load_result result = t_load_run(&load);
    t_load_assert_ok(&load, &result);
    for (int i = 0; i < POSTS; i++)
        cr_assert_leq(executed[i], 1, "POST %d was executed %d times", i, executed[i]);
    t_weir_end(&scene.weir);
    t_tls_serve_stop(&server);
}
