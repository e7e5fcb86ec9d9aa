/* A paused pool lets requests wait and its connections go: the moment to restart its only server.
 * ctest: serial */
#include "support/t_ask.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct t_origin origin;
static struct t_weir weir;

static void open_both(const char *pool, int workers)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir,
                       &(struct t_shape){.workers = workers,
                                         .port = origin.port,
                                         .token = true,
                                         .pool = pool ? pool : "    queue: {timeout: 30s}\n"});
}

static bool is_paused(void)
{
    return json_is_true(t_stats_find(t_stats(&weir), "pools/legacy/paused"));
}

/* One more client, and it waits: the WAITING-th. */
static struct t_conn *wait_for(const char *target, int waiting)
{
    struct t_conn *client = t_ask(&weir, "GET", target, NULL);
    t_pool_await(&weir, "queue/waiting", waiting);
    return client;
}

Test(pool_pause, is_answered_when_no_connection_is_left)
{
    open_both(NULL, 2);
    struct t_conn *one = t_ask(&weir, "GET", "/1", NULL), *busy = t_accept(&origin);
    struct t_conn *two = t_ask(&weir, "GET", "/2", NULL), *idle = t_accept(&origin);
    t_serve(idle, "/2");
    t_await_answer(two, "GET", 200);
    t_assert_text(t_read_request(busy)->target, "/1");

    struct t_conn *admin = t_order_begin(&weir, "/pools/legacy/pause");
    t_expect_reset(idle);
    cr_assert(is_paused());
    struct t_conn *waiter = wait_for("/3", 1);
    cr_assert_not(t_conn_poll(admin), "a connection is left");

    t_answer(busy, "x");
    t_await_answer(one, "GET", 200);
    t_assert_contains(t_order_end(admin, 200)->body, "legacy: paused");
    t_expect_reset(busy);
    t_pool_assert(&weir, "connections/active", 0);
    t_pool_assert(&weir, "connections/idle", 0);
    t_pool_assert(&weir, "connections/closed/flushed", 2);
    t_pool_assert(&weir, "queue/waiting", 1);

    t_order(&weir, "/pools/legacy/resume", 200);
    cr_assert_not(is_paused());
    struct t_conn *fresh = t_accept(&origin);
    t_serve(fresh, "/3");
    t_await_answer(waiter, "GET", 200);
    t_round(&weir, &origin, fresh, "/kept");
    t_weir_end(&weir);
}

Test(pool_pause, an_idle_pool_pauses_at_once_and_twice)
{
    open_both(NULL, 2);
    t_order(&weir, "/pools/legacy/pause", 200);
    t_order(&weir, "/pools/legacy/pause", 200);
    t_order(&weir, "/pools/legacy/resume", 200);
    t_order(&weir, "/pools/legacy/resume", 200);
    t_round(&weir, &origin, NULL, "/");
    t_weir_end(&weir);
}

Test(pool_pause, the_limits_of_the_queue_hold)
{
    open_both("    queue: {max: 1, timeout: 1h}\n", 2);
    t_order(&weir, "/pools/legacy/pause", 200);
    struct t_conn *one = wait_for("/1", 1);
    t_assert_contains(t_await_answer(t_ask(&weir, "GET", "/2", NULL), "GET", 503)->body, "full");
    t_order(&weir, "/pools/legacy/resume", 200);
    t_serve(t_accept(&origin), "/1");
    t_await_answer(one, "GET", 200);
    t_weir_end(&weir);
}

Test(pool_pause, a_wait_in_the_queue_runs_out)
{
    open_both("    queue: {timeout: 300ms}\n", 2);
    t_order(&weir, "/pools/legacy/pause", 200);
    struct t_conn *one = t_ask(&weir, "GET", "/1", NULL);
    t_assert_contains(t_await_answer(one, "GET", 503)->body, "ran out");
    t_assert_number("connections", t_origin_connections(&origin), 0);
    t_weir_end(&weir);
}

/* They waited on several workers; each gets one, and never more than `max` at once. */
Test(pool_pause, resume_wakes_everybody_who_waits)
{
    enum { WAITERS = 24 };
    struct t_conn *clients[WAITERS];
    struct t_real_origin real;
    t_real_origin_start(&real, NULL);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 4,
                                                .port = real.port,
                                                .token = true,
                                                .pool = "    connections: {max: 5}\n"
                                                        "    queue: {timeout: 30s}\n"});
    for (int round = 0; round < 5; round++) {
        t_order(&weir, "/pools/legacy/pause", 200);
        for (int i = 0; i < WAITERS; i++)
            clients[i] = t_ask(&weir, "GET", "/?size=10", NULL);
        t_pool_await(&weir, "queue/waiting", WAITERS);
        t_order(&weir, "/pools/legacy/resume", 200);
        for (int i = 0; i < WAITERS; i++)
            t_await_answer(clients[i], "GET", 200);
    }
    t_assert_number("open at once", t_real_origin_counts(&real).open_max, 5);
    t_weir_end(&weir);
    t_real_origin_stop(&real);
}

Test(pool_pause, a_resume_ends_the_wait_for_a_pause)
{
    open_both(NULL, 2);
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL), *upstream = t_accept(&origin);
    t_read_request(upstream);
    struct t_conn *admin = t_order_begin(&weir, "/pools/legacy/pause");
    t_weir_await_log(&weir, "legacy: paused");
    struct t_conn *waiter = wait_for("/waits", 1);
    t_order(&weir, "/pools/legacy/resume", 200);
    t_assert_contains(t_order_end(admin, 409)->body, "resumed");
    t_serve(t_accept(&origin), "/waits");
    t_await_answer(waiter, "GET", 200);
    /* Free after the resume, so it may stay. */
    t_answer(upstream, "x");
    t_await_answer(client, "GET", 200);
    t_pool_await(&weir, "connections/idle", 2);
    t_weir_end(&weir);
}

/* Who asked for the pause may leave; the pause stays. */
Test(pool_pause, outlives_who_asked_for_it)
{
    open_both(NULL, 2);
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL), *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_reset(t_order_begin(&weir, "/pools/legacy/pause"));
    t_weir_await_log(&weir, "legacy: paused");
    t_answer(upstream, "x");
    t_await_answer(client, "GET", 200);
    t_expect_reset(upstream);
    struct t_conn *waiter = wait_for("/", 1);
    t_order(&weir, "/pools/legacy/resume", 200);
    t_serve(t_accept(&origin), "/");
    t_await_answer(waiter, "GET", 200);
    t_weir_end(&weir);
}

Test(pool_pause, outlives_a_reload)
{
    struct t_shape shape = {.token = true, .pool = "    queue: {timeout: 30s}\n"};
    t_origin_open(&origin);
    shape.port = origin.port;
    t_weir_start_shape(&weir, &shape);
    t_order(&weir, "/pools/legacy/pause", 200);
    shape.pool = "    queue: {timeout: 31s}\n";
    t_weir_reshape(&weir, &shape);
    t_order(&weir, "/reload", 202);
    cr_assert(is_paused());
    struct t_conn *waiter = wait_for("/", 1);
    t_order(&weir, "/pools/legacy/resume", 200);
    t_serve(t_accept(&origin), "/");
    t_await_answer(waiter, "GET", 200);
    t_weir_end(&weir);
}

/* The new instance may stand elsewhere: who waits goes to the servers of now, not to those of when
 * the wait began. */
Test(pool_pause, who_waits_follows_a_server_that_moves)
{
    static struct t_origin moved;
    struct t_shape shape = {.token = true, .pool = "    queue: {timeout: 30s}\n"};
    t_origin_open(&origin);
    t_origin_open(&moved);
    shape.port = origin.port;
    t_weir_start_shape(&weir, &shape);
    t_order(&weir, "/pools/legacy/pause", 200);
    struct t_conn *one = wait_for("/1", 1), *two = wait_for("/2", 2);
    shape.port = moved.port;
    t_weir_reshape(&weir, &shape);
    t_order(&weir, "/reload", 202);
    t_pool_assert(&weir, "queue/waiting", 2);
    t_order(&weir, "/pools/legacy/resume", 200);
    struct t_conn *first = t_accept(&moved), *second = t_accept(&moved);
    t_read_request(first);
    t_answer(first, "x");
    t_read_request(second);
    t_answer(second, "x");
    t_await_answer(one, "GET", 200);
    t_await_answer(two, "GET", 200);
    t_assert_number("connections", t_origin_connections(&origin), 0);
    t_weir_end(&weir);
}

/* Nobody could resume it any more. */
Test(pool_pause, ends_when_the_pool_leaves_the_configuration)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port,
                                                .token = true,
                                                .pool = "    queue: {timeout: 30s}\n"});
    t_order(&weir, "/pools/legacy/pause", 200);
    struct t_conn *waiter = wait_for("/", 1);
    t_weir_rewrite_config(&weir, "workers: 2\n"
                                 "admin: {listen: \"127.0.0.1:@admin@\"}\n"
                                 "listeners: {web: {listen: [\"127.0.0.1:@port@\"]}}\n");
    t_order(&weir, "/reload", 202);
    t_serve(t_accept(&origin), "/");
    t_await_answer(waiter, "GET", 200);
    t_weir_end(&weir);
}

/* What was being answered ends with weir, and with it what the pause waited for: whoever waits for
 * the pause may still hear of that, or not. */
Test(pool_pause, weir_stops_while_somebody_waits_for_a_pause)
{
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir,
        &(struct t_shape){.port = origin.port, .token = true, .top = "shutdown_timeout: 200ms\n"});
    t_ask(&weir, "GET", "/", NULL);
    t_read_request(t_accept(&origin));
    struct t_conn *admin = t_order_begin(&weir, "/pools/legacy/pause");
    t_weir_await_log(&weir, "legacy: paused");
    t_weir_stop(&weir);
    char *heard = t_read_to_any_end(admin, NULL);
    if (heard[0] != '\0')
        t_assert_contains(heard, "\r\n\r\nlegacy: paused: no connection is left\n");
}

/* ---- A restart under load ---- */

enum { RATE = 500, REQUESTS = 1500, CLIENTS = 100 };

struct paced {
    int64_t started_ms;
    int64_t asked_ms[REQUESTS], took_ms[REQUESTS];
};

/* Request ID is sent when its time has come, ID/500 s after the first. */
static void make(struct t_load_request *request, bool close, void *user)
{
    struct paced *paced = user;
    int64_t wait_ms = paced->started_ms + (int64_t)request->id * 1000 / RATE - t_now_ms();
    struct timespec pace = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};

    if (wait_ms > 0)
        nanosleep(&pace, NULL);
    paced->asked_ms[request->id] = t_now_ms();
    strcpy(request->method, request->id % 2 ? "POST" : "GET");
    int len = asprintf(&request->data, "%s /%d HTTP/1.1\r\nHost: h\r\n%s%s\r\n", request->method,
                       (int)request->id, request->id % 2 ? "Content-Length: 0\r\n" : "",
                       close ? "Connection: close\r\n" : "");
    request->len = (size_t)len;
}

static bool check(const struct t_load_request *request, const struct t_message *answer, void *user)
{
    struct paced *paced = user;

    paced->took_ms[request->id] = t_now_ms() - paced->asked_ms[request->id];
    return answer->status == 200;
}

static void serve(struct t_served_request *request, void *user)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    (void)user;
    request->answer = ok;
    request->answer_len = sizeof(ok) - 1;
}

/* The longest of the requests that saw something of the time between, or of the others. */
static int64_t longest_ms(const struct paced *paced, int64_t from_ms, int64_t to_ms, bool between)
{
    int64_t longest = 0;

    for (int i = 0; i < REQUESTS; i++) {
        bool saw = paced->asked_ms[i] <= to_ms && paced->asked_ms[i] + paced->took_ms[i] >= from_ms;
        if (saw == between && paced->took_ms[i] > longest)
            longest = paced->took_ms[i];
    }
    return longest;
}

/* How much later than it asked a thread that does nothing else got its turns, in all. */
struct lateness {
    atomic_bool is_over;
    atomic_llong ms;
    pthread_t thread;
};

static void *measure_lateness(void *user)
{
    static const struct timespec step = {.tv_nsec = 1000000};
    struct lateness *lateness = user;
    int64_t before_ms = t_now_ms();

    while (!atomic_load(&lateness->is_over)) {
        nanosleep(&step, NULL);
        int64_t now_ms = t_now_ms();
        if (now_ms - before_ms > 2)
            atomic_fetch_add(&lateness->ms, now_ms - before_ms - 2);
        before_ms = now_ms;
    }
    return NULL;
}

Test(pool_pause, a_restart_of_the_only_server_fails_no_request)
{
    static struct lateness lateness;
    static struct paced paced;
    struct t_load_beside beside = {.load = {.concurrency = CLIENTS,
                                            .requests = REQUESTS,
                                            .reset_clients = true,
                                            .make = make,
                                            .check = check,
                                            .user = &paced}};
    open_both("    queue: {timeout: 30s}\n", 2);
    t_origin_serve(&origin, serve, NULL);
    beside.load.port = weir.port;
    cr_assert_eq(pthread_create(&lateness.thread, NULL, measure_lateness, &lateness), 0);
    paced.started_ms = t_now_ms();
    t_load_start(&beside);
    t_stats_await_at_least(&weir, "pools/legacy/requests/total", REQUESTS / 5);

    int64_t since_ms = t_now_ms();
    t_order(&weir, "/pools/legacy/pause", 200);
    struct t_served_counts before = t_origin_serve_stop(&origin);
    t_origin_close(&origin);
    t_stats_await_at_least(&weir, "pools/legacy/queue/waiting", CLIENTS / 2);
    t_origin_reopen(&origin);
    t_origin_serve(&origin, serve, NULL);
    t_order(&weir, "/pools/legacy/resume", 200);
    int64_t until_ms = t_now_ms(), restart_ms = until_ms - since_ms;

    t_load_join(&beside);
    atomic_store(&lateness.is_over, true);
    pthread_join(lateness.thread, NULL);
    t_load_assert_ok(&beside.load, &beside.result);
    struct t_served_counts after = t_origin_serve_stop(&origin);
    t_assert_number("requests served", (int64_t)(before.requests + after.requests), REQUESTS);
    t_assert_number("requests broken", (int64_t)(before.broken + after.broken), 0);
    /* On a host with other work every request may be slow; then so may these be. And for as long as
     * threads were kept waiting for a processor, so may requests have been. */
    int64_t in_ms = longest_ms(&paced, since_ms, until_ms, true);
    int64_t out_ms = longest_ms(&paced, since_ms, until_ms, false);
    int64_t late_ms = atomic_load(&lateness.ms);
    cr_log_info("the restart took %d ms, the longest request then %d ms, before and after %d ms; "
                "a thread waited for its turns for %d ms",
                (int)restart_ms, (int)in_ms, (int)out_ms, (int)late_ms);
    cr_assert_leq(in_ms, restart_ms + 100 + out_ms + late_ms);
    t_weir_end(&weir);
}
