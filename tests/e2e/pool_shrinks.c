/* A pool that shrinks closes its oldest first: what has been idle for longest, on whichever worker.
 */
#include "support/t_ask.h"

#include <signal.h>

enum { N = 6 };

static struct t_origin origin;
static struct t_weir weir;
static struct t_shape shape;
static struct t_conn *upstreams[N];

static void start(int workers, const char *connections)
{
    t_origin_open(&origin);
    shape = (struct t_shape){.workers = workers, .port = origin.port};
    shape.pool = t_text("    connections: {%s}\n", connections);
    t_weir_start_shape(&weir, &shape);
}

static void reload(const char *connections)
{
    shape.pool = t_text("    connections: {%s}\n", connections);
    t_weir_reshape(&weir, &shape);
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", 2);
}

/* N connections that become idle one after the other, some milliseconds apart: the first is the
 * oldest. */
static void fill(void)
{
    struct t_conn *clients[N];
    for (int i = 0; i < N; i++) {
        clients[i] = t_ask(&weir, "GET", "/", NULL);
        upstreams[i] = t_accept(&origin);
    }
    for (int i = 0; i < N; i++) {
        t_serve(upstreams[i], "/");
        t_await_answer(clients[i], "GET", 200);
        t_pool_await(&weir, "connections/idle", i + 1);
        for (int64_t now_ms = t_now_ms(); t_now_ms() < now_ms + 2;)
            continue; /* the clock that ages are told by has moved on */
    }
}

/* The first N_ENDED are, the others are not. */
static void expect_ends(int n_ended)
{
    t_pool_await(&weir, "connections/closed/surplus", n_ended);
    for (int i = 0; i < n_ended; i++)
        t_expect_any_end(upstreams[i]);
    t_pool_assert(&weir, "connections/idle", N - n_ended);
    t_pool_assert(&weir, "connections/active", 0);
    for (int i = n_ended; i < N; i++) {
        t_conn_poll(upstreams[i]);
        if (upstreams[i]->error || upstreams[i]->at_end)
            t_fail("number %d of %d was closed as well", i, N);
    }
}

static void lower(int workers, const char *connections, const char *lowered, int n_ended)
{
    start(workers, connections);
    fill();
    reload(lowered);
    expect_ends(n_ended);
    t_weir_end(&weir);
}

Test(pool_shrinks, a_reload_lowers_max_idle)
{
    lower(1, "max_idle: 6", "max_idle: 2", 4);
}

Test(pool_shrinks, a_reload_lowers_max_idle_over_workers)
{
    lower(3, "max_idle: 6", "max_idle: 2", 4);
}

Test(pool_shrinks, a_reload_lowers_max_idle_without_sharing)
{
    lower(3, "max_idle: 6, share: false", "max_idle: 1, share: false", 5);
}

Test(pool_shrinks, a_reload_lowers_max)
{
    lower(2, "max: 6", "max: 3", 3);
}

Test(pool_shrinks, a_reload_that_lowers_nothing_closes_nothing)
{
    lower(2, "max: 6", "max: 9, max_idle: 6", 0);
}

/* What is in use at the time follows as it comes free. */
Test(pool_shrinks, what_is_in_use_comes_free_into_the_new_limit)
{
    struct t_conn *clients[N];
    start(2, "max: 6");
    for (int i = 0; i < N; i++) {
        clients[i] = t_ask(&weir, "GET", "/", NULL);
        upstreams[i] = t_accept(&origin);
    }
    reload("max: 2");
    for (int i = 0; i < N; i++) {
        t_serve(upstreams[i], "/");
        t_await_answer(clients[i], "GET", 200);
    }
    t_pool_await(&weir, "connections/active", 0);
    t_pool_assert(&weir, "connections/idle", 2);
    t_pool_assert(&weir, "connections/closed/surplus", 4);
    t_weir_end(&weir);
}

/* One more than max_idle comes free: the oldest goes, wherever it is, not the one just used. */
Test(pool_shrinks, one_too_many_comes_free)
{
    start(3, "max_idle: 6");
    fill();
    struct t_conn *clients[N + 1];
    for (int i = 0; i < N; i++)
        clients[i] = t_ask(&weir, "GET", "/", NULL);
    t_pool_await(&weir, "connections/idle", 0);
    clients[N] = t_ask(&weir, "GET", "/more", NULL);
    struct t_conn *more = t_accept(&origin);
    for (int i = 0; i < N; i++) {
        t_serve(upstreams[i], "/");
        t_pool_await(&weir, "connections/idle", i + 1);
        for (int64_t now_ms = t_now_ms(); t_now_ms() < now_ms + 2;)
            continue;
    }
    for (int i = 0; i < N; i++)
        t_await_answer(clients[i], "GET", 200);
    t_serve(more, "/more");
    t_await_answer(clients[N], "GET", 200);
    t_pool_await(&weir, "connections/closed/surplus", 1);
    t_expect_any_end(upstreams[0]);
    t_conn_poll(more);
    t_assert_number("its end", more->at_end || more->error, 0);
    t_pool_assert(&weir, "connections/idle", N);
    t_weir_end(&weir);
}

/* The one that came free last is used first, so that those that are not needed grow old. */
Test(pool_shrinks, idle_ones_are_used_newest_first)
{
    start(1, "max_idle: 6");
    fill();
    for (int i = 0; i < 3; i++)
        t_round(&weir, &origin, upstreams[N - 1], "/");
    t_pool_assert(&weir, "connections/opened", N);
    t_weir_end(&weir);
}
