/* The queue, one interleaving at a time: two loops on one thread, turned by hand. */
#include "weir/upstream/command.h"
#include "weir/upstream/idle.h"
#include "weir/upstream/principal.h"
#include "weir/upstream/waitq.h"

#include "support/model_server.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/resource.h>

enum { LOOPS = 2, TURNS_MAX = 60000 };

struct wish {
    struct weir_ticket ticket;
    struct weir_upconn *upconn;
    enum weir_error error;
    bool is_done;
};

static struct model_server origin;
static struct weir_loop loops[LOOPS];
static struct weir_upstream upstreams[LOOPS];
static struct weir_member members[1] = {{.weight = 1}};
static struct weir_config_pool config = {.name = (char *)"queue", .share = true};
static struct weir_server *servers[1];
static struct weir_pool_plan plan = {
    .config = &config,
    .settings = {.connections_max = 1, .connect_ms = 5000, .close = WEIR_CLOSE_RESET},
    .n_servers = 1,
    .servers = servers,
    .members = members,
};
static const struct weir_upconn_events none = {.on_ready = NULL};

static void on_done(struct weir_ticket *ticket, struct weir_upconn *upconn, enum weir_error error)
{
    struct wish *wish = (struct wish *)(void *)((char *)ticket - offsetof(struct wish, ticket));

    cr_assert_not(wish->is_done);
    wish->is_done = true;
    wish->error = error;
    wish->upconn = upconn;
    if (upconn)
        upconn->events = &none;
}

static void turn(void)
{
    for (int i = 0; i < LOOPS; i++)
        weir_loop_turn(&loops[i], 0);
}

static void await(const struct wish *wish)
{
    for (int i = 0; i < TURNS_MAX && !wish->is_done; i++) {
        turn();
        uv_sleep(wish->is_done ? 0 : 1);
    }
    cr_assert(wish->is_done, "a waiter is lost");
    cr_assert_eq(wish->error, WEIR_OK);
    cr_assert_not_null(wish->upconn);
}

static void init(struct wish *wish, unsigned loop)
{
    memset(wish, 0, sizeof(*wish));
    wish->ticket = (struct weir_ticket){
        .upstream = &upstreams[loop], .plan = &plan, .on_done = on_done};
}

static void acquire(struct wish *wish, unsigned loop)
{
    struct weir_upconn *upconn;

    init(wish, loop);
    cr_assert_eq(weir_pool_acquire(&wish->ticket, &upconn), WEIR_OK);
    if (upconn)
        on_done(&wish->ticket, upconn, WEIR_OK);
}

static void set_up(void)
{
    cr_assert_eq(model_server_start(&origin, 0), 0);
    servers[0] = weir_server_create("queue", &origin.address, LOOPS);
    plan.pool = weir_pool_create("queue", LOOPS);
    for (unsigned i = 0; i < LOOPS; i++) {
        cr_assert_eq(weir_loop_init(&loops[i]), 0);
        weir_upstream_init(&upstreams[i], &loops[i], i);
    }
}

static void tear_down(void)
{
    for (unsigned i = 0; i < LOOPS; i++)
        weir_upstream_sweep(&upstreams[i], false);
    turn();
    for (unsigned i = 0; i < LOOPS; i++)
        weir_loop_fini(&loops[i]);
    for (unsigned i = 0; i < LOOPS; i++)
        weir_upstream_fini(&upstreams[i]);
    cr_expect_eq(atomic_load(&servers[0]->shared.connections), 0);
    weir_server_unref(servers[0]);
    weir_pool_unref(plan.pool);
    model_server_stop(&origin);
}

TestSuite(upstream_queue, .init = set_up, .fini = tear_down);

/* B has entered the queue and is about to take its second look when C enters behind it: C must not
 * count on B, nor B on being alone. */
Test(upstream_queue, two_who_enter_at_once_do_not_count_on_each_other)
{
    struct wish a, b, c;

    acquire(&a, 0);
    await(&a);
    weir_pool_release(&a.upconn);
    init(&b, 1);
    cr_assert_eq(weir_waitq_enter(&b.ticket, false), WEIR_OK);
    acquire(&c, 0);
    await(&b);
    cr_expect_not(c.is_done, "B came first");
    weir_pool_release(&b.upconn);
    await(&c);
    weir_pool_release(&c.upconn);
}

Test(upstream_queue, a_grant_to_one_who_left_goes_to_the_next)
{
    struct wish a, b, c;

    acquire(&a, 0);
    await(&a);
    acquire(&b, 1);
    acquire(&c, 1);
    weir_pool_release(&a.upconn); /* for B: the letter is on its way */
    weir_ticket_cancel(&b.ticket);
    await(&c);
    cr_expect_not(b.is_done);
    weir_pool_release(&c.upconn);
}

/* A worker that keeps its connections to itself makes room rather than let others wait. */
Test(upstream_queue, an_idle_connection_of_another_makes_room_without_sharing)
{
    struct wish a, b;

    config.share = false;
    acquire(&a, 0);
    await(&a);
    weir_pool_release(&a.upconn);
    acquire(&b, 1);
    await(&b);
    cr_expect_eq(b.upconn->life.requests, 0);
    cr_expect_eq(weir_counter_get(&servers[0]->slots[1].closed[WEIR_CLOSED_surplus]), 1);
    cr_expect_eq(weir_counter_get(&servers[0]->slots[1].counters.connections_stolen), 0);
    weir_pool_release(&b.upconn);
}

/* A connection that can't travel (no descriptor is left) fails one waiter and costs no place. */
Test(upstream_queue, a_connection_that_breaks_on_the_way_costs_no_place)
{
    struct wish a, b, c;
    struct rlimit former, low;

    acquire(&a, 0);
    await(&a);
    acquire(&b, 1);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &former), 0);
    low = (struct rlimit){.rlim_cur = 3, .rlim_max = former.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    weir_pool_release(&a.upconn);
    for (int i = 0; i < TURNS_MAX && !b.is_done; i++)
        turn();
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &former), 0);
    cr_assert(b.is_done);
    cr_expect_eq(b.error, WEIR_NO_MEMORY);
    acquire(&c, 1);
    await(&c);
    weir_pool_release(&c.upconn);
}

/* The pool goes on before its worker has seen that it was paused: the idle connection is still
 * there, and takes the only place. */
Test(upstream_queue, a_resume_before_the_sweep_gives_idle_connections_to_who_waits)
{
    struct wish a, b;

    acquire(&a, 0);
    await(&a);
    weir_pool_release(&a.upconn);
    weir_pool_pause(plan.pool);
    acquire(&b, 1);
    turn();
    cr_expect_not(b.is_done, "the pool is paused");
    weir_pool_resume(&plan);
    weir_upstream_sweep(&upstreams[0], true);
    await(&b);
    cr_expect_eq(upstreams[1].next_id, 1, "it is the one that was idle");
    weir_pool_release(&b.upconn);
}

Test(upstream_queue, a_paused_pool_grants_nothing_and_a_resumed_one_its_places)
{
    struct wish a, b;

    acquire(&a, 0);
    await(&a);
    acquire(&b, 1);
    weir_pool_pause(plan.pool);
    weir_pool_release(&a.upconn);
    for (int i = 0; i < 10; i++)
        turn();
    cr_expect_not(b.is_done, "the pool is paused");
    cr_expect_eq(weir_pool_connections(&plan), 0);
    weir_pool_resume(&plan);
    await(&b);
    weir_pool_release(&b.upconn);
}

Test(upstream_queue, who_waits_for_a_server_that_is_down_is_told)
{
    struct wish a, b;

    acquire(&a, 0);
    await(&a);
    acquire(&b, 1);
    weir_pool_set_server(&plan, servers[0], WEIR_ADMIN_drain);
    for (int i = 0; i < 10; i++)
        turn();
    cr_expect_not(b.is_done, "it has been waiting since before");
    weir_pool_set_server(&plan, servers[0], WEIR_ADMIN_down);
    for (int i = 0; i < 10 && !b.is_done; i++)
        turn();
    cr_assert(b.is_done);
    cr_expect_eq(b.error, WEIR_NO_SERVER);
    weir_pool_release(&a.upconn);
    cr_expect_eq(weir_pool_connections(&plan), 0);
}

/* ---- Where connections are announced for clients ---- */

/* As acquire, for a client of its own. */
static void acquire_announced(struct wish *wish, unsigned loop)
{
    struct weir_principal *principal = wish->ticket.principal;
    const struct weir_address somebody = {.len = 0};
    struct weir_upconn *upconn;

    servers[0]->announces = WEIR_PROXY_V1;
    init(wish, loop);
    if (!principal)
        principal = weir_principal_create(&upstreams[loop], &somebody, &somebody);
    wish->ticket.principal = principal;
    cr_assert_eq(weir_pool_acquire(&wish->ticket, &upconn), WEIR_OK);
    if (upconn)
        on_done(&wish->ticket, upconn, WEIR_OK);
}

static void leave(struct wish *wish)
{
    weir_principal_destroy(wish->ticket.principal);
    wish->ticket.principal = NULL;
}

static uint64_t count_surplus(void)
{
    return weir_counter_get(&servers[0]->slots[0].closed[WEIR_CLOSED_surplus]) +
           weir_counter_get(&servers[0]->slots[1].closed[WEIR_CLOSED_surplus]);
}

Test(upstream_queue, an_announced_connection_serves_its_client_again_and_ends_with_it)
{
    struct wish a = {.is_done = false};
    struct weir_upconn *upconn;

    acquire_announced(&a, 0);
    await(&a);
    upconn = a.upconn;
    weir_pool_release(&a.upconn);
    cr_expect_eq(atomic_load(&servers[0]->shared.idle), 1);
    acquire_announced(&a, 0);
    cr_expect_eq(a.upconn, upconn, "it was there");
    weir_pool_release(&a.upconn);
    leave(&a);
    cr_expect_eq(atomic_load(&servers[0]->shared.connections), 0);
    cr_expect_eq(count_surplus(), 1);
}

/* On the same worker and on another, at the limit and at once. */
Test(upstream_queue, an_idle_connection_announced_for_another_makes_room)
{
    for (unsigned loop = 0; loop < LOOPS; loop++) {
        struct wish a = {.is_done = false}, b = {.is_done = false};
        acquire_announced(&a, 0);
        await(&a);
        a.upconn->life.requests++;
        weir_pool_release(&a.upconn);
        acquire_announced(&b, loop);
        cr_expect_not_null(b.ticket.connecting, "it needs no queue");
        await(&b);
        cr_expect_eq(b.upconn->life.requests, 0);
        cr_expect_eq(b.upconn->principal, b.ticket.principal);
        cr_expect_eq(count_surplus(), loop + 1);
        leave(&a);
        weir_upconn_close(b.upconn, WEIR_CLOSED_not_reusable);
        leave(&b);
        turn();
    }
}

/* The connection is given to the idle list after its worker has looked for waiters and before one
 * enters: the one who enters must make room for itself. */
Test(upstream_queue, who_enters_behind_a_release_makes_room)
{
    struct wish a = {.is_done = false}, b = {.is_done = false};
    const struct weir_address somebody = {.len = 0};

    acquire_announced(&a, 0);
    await(&a);
    weir_idle_give(&a.upconn);
    init(&b, 1);
    b.ticket.principal = weir_principal_create(&upstreams[1], &somebody, &somebody);
    cr_assert_eq(weir_pool_wait(&b.ticket, false), WEIR_OK);
    await(&b);
    cr_expect_eq(b.upconn->principal, b.ticket.principal);
    weir_upconn_close(b.upconn, WEIR_CLOSED_not_reusable);
    leave(&a);
    leave(&b);
}

/* What comes free is of no use to who waits, but for its place. */
Test(upstream_queue, a_released_connection_of_another_client_gives_its_place)
{
    struct wish a = {.is_done = false}, b = {.is_done = false};

    acquire_announced(&a, 0);
    await(&a);
    acquire_announced(&b, 1);
    cr_expect_not_null(b.ticket.waiter);
    weir_pool_release(&a.upconn);
    await(&b);
    cr_expect_eq(b.upconn->principal, b.ticket.principal);
    cr_expect_eq(count_surplus(), 1);
    weir_upconn_close(b.upconn, WEIR_CLOSED_not_reusable);
    leave(&a);
    leave(&b);
}

/* Another worker has taken it to make room; its own worker does not know yet when its client goes.
 */
Test(upstream_queue, a_client_may_leave_while_its_connection_is_taken)
{
    struct wish a = {.is_done = false};

    acquire_announced(&a, 0);
    await(&a);
    weir_pool_release(&a.upconn);
    cr_expect(weir_idle_close_oldest(&upstreams[1], servers[0], plan.pool, &plan.settings));
    leave(&a);
    turn();
    cr_expect_eq(count_surplus(), 1);
    cr_expect_eq(atomic_load(&servers[0]->shared.connections), 0);
}
