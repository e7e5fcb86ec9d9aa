/* A server that closes or talks on an idle connection loses it at once, and no request is harmed.
 */
#include "support/t_ask.h"

Test(idle_event, the_server_closes)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/first");
    t_half_close(upstream);
    t_expect_any_end(upstream);
    t_pool_await(&weir, "connections/closed/by_server_idle", 1);
    t_pool_assert(&weir, "connections/idle", 0);
    t_round(&weir, &origin, NULL, "/second");
    t_pool_assert(&weir, "requests/retried", 0);
    t_weir_end(&weir);
}

Test(idle_event, the_server_resets)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    t_reset(t_round(&weir, &origin, NULL, "/first"));
    t_pool_await(&weir, "connections/closed/by_server_idle", 1);
    t_round(&weir, &origin, NULL, "/second");
    t_pool_assert(&weir, "requests/retried", 0);
    t_weir_end(&weir);
}

Test(idle_event, the_server_talks)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    struct t_conn *upstream = t_round(&weir, &origin, NULL, "/first");
    t_answer(upstream, "poison");
    t_expect_any_end(upstream);
    t_pool_await(&weir, "connections/closed/poisoned", 1);
    t_weir_await_log(&weir, "that no request had asked for");
    t_round(&weir, &origin, NULL, "/second");
    t_pool_assert(&weir, "requests/retried", 0);
    t_weir_end(&weir);
}

/* Only one of several idle connections is concerned. */
Test(idle_event, the_others_stay)
{
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *clients[3], *upstreams[3];
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1, .port = origin.port});

    for (int i = 0; i < 3; i++) {
        clients[i] = t_ask(&weir, "GET", "/", NULL);
        upstreams[i] = t_accept(&origin);
    }
    for (int i = 0; i < 3; i++) {
        t_serve(upstreams[i], "/");
        t_await_answer(clients[i], "GET", 200);
    }
    t_close(upstreams[2]);
    t_pool_await(&weir, "connections/idle", 2);
    t_round(&weir, &origin, upstreams[1], "/next");
    t_pool_assert(&weir, "connections/opened", 3);
    t_weir_end(&weir);
}

/* One worker, one kept client, and one idle upstream connection that has carried /first. */
struct kept {
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *client, *upstream;
};

static void open_kept(struct kept *kept, const char *pool)
{
    t_origin_open(&kept->origin);
    t_weir_start_shape(&kept->weir,
                       &(struct t_shape){.workers = 1, .port = kept->origin.port, .pool = pool});
    kept->client = t_connect(kept->weir.port);
    t_send(kept->client, "GET /first HTTP/1.1\r\nHost: h\r\n\r\n");
    kept->upstream = t_accept(&kept->origin);
    t_serve(kept->upstream, "/first");
    t_assert_text(t_read_response(kept->client, "GET")->body, "/first");
    t_pool_await(&kept->weir, "connections/idle", 1);
}

/* Both are found in one look at the sockets, in the order in which they came. */
Test(idle_event, bytes_that_came_before_the_request_do_not_answer_it)
{
    struct kept kept;
    open_kept(&kept, NULL);
    t_weir_freeze(&kept.weir);
    t_answer(kept.upstream, "poison");
    t_send(kept.client, "GET /second HTTP/1.1\r\nHost: h\r\n\r\n");
    t_weir_thaw(&kept.weir);
    t_serve(t_accept(&kept.origin), "/second");
    t_assert_text(t_read_response(kept.client, "GET")->body, "/second");
    t_pool_assert(&kept.weir, "connections/closed/poisoned", 1);
    t_weir_end(&kept.weir);
}

/* The other way round: the request has chosen its connection, and waits for the end of the turn to
 * be sent on it. */
static void talks_before_the_request_is_sent(const char *method)
{
    struct kept kept;
    open_kept(&kept, "    retry: {non_idempotent: off}\n");
    t_weir_freeze(&kept.weir);
    t_sendf(kept.client, "%s /second HTTP/1.1\r\nHost: h\r\n\r\n", method);
    t_answer(kept.upstream, "poison");
    t_weir_thaw(&kept.weir);
    t_serve(t_accept(&kept.origin), "/second");
    t_assert_text(t_read_response(kept.client, method)->body, "/second");
    t_expect_any_end(kept.upstream);
    t_assert_number("bytes", (int64_t)kept.upstream->in_len, 0);
    t_pool_assert(&kept.weir, "connections/closed/poisoned", 1);
    t_pool_assert(&kept.weir, "requests/failed", 0);
    t_weir_end(&kept.weir);
}

Test(idle_event, bytes_that_came_before_the_request_was_sent_do_not_answer_it)
{
    talks_before_the_request_is_sent("GET");
}

Test(idle_event, nor_do_they_harm_one_that_may_not_be_sent_twice)
{
    talks_before_the_request_is_sent("POST");
}

/* Whichever of them the request has chosen, no other that is idle is tried after it. */
Test(idle_event, nor_one_that_could_choose_between_several_of_them)
{
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *clients[3], *upstreams[3];
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1,
                                                .port = origin.port,
                                                .pool = "    retry: {budget: 0%, attempts: 1}\n"});

    for (int i = 0; i < 3; i++) {
        clients[i] = t_ask(&weir, "GET", "/", NULL);
        upstreams[i] = t_accept(&origin);
    }
    for (int i = 0; i < 3; i++) {
        t_serve(upstreams[i], "/");
        t_await_answer(clients[i], "GET", 200);
    }
    t_pool_await(&weir, "connections/idle", 3);
    t_weir_freeze(&weir);
    struct t_conn *client = t_ask(&weir, "POST", "/next", "Content-Length: 0\r\n");
    for (int i = 0; i < 3; i++)
        t_answer(upstreams[i], "poison");
    t_weir_thaw(&weir);
    t_serve(t_accept(&origin), "/next");
    t_assert_text(t_await_answer(client, "POST", 200)->body, "/next");
    t_pool_await(&weir, "connections/closed/poisoned", 3);
    t_pool_assert(&weir, "races/retried", 1);
    t_weir_end(&weir);
}

/* A server that talks out of turn at random, under load: nobody gets what it said. */
Test(idle_event, talk_under_load_reaches_nobody)
{
    struct t_real_origin origin;
    struct t_weir weir;
    t_real_origin_start(&origin, NULL);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    for (int i = 0; i < 30; i++) {
        t_assert_text(t_one_shot(&weir, "/?body=a&fail=talk_when_idle&talk_delay=1ms")->body, "a");
        t_pool_await(&weir, "connections/closed/poisoned", i + 1);
        t_assert_text(t_one_shot(&weir, "/?body=b&connection=close")->body, "b");
    }
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}
