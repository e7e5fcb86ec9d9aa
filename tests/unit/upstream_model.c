/* ctest: timeout 600
 *
 * The pool against a model: threads with loops of their own take random steps (acquire, release,
 * close, cancel, run out of time, open ahead of need) on connections to real sockets. At every
 * moment the limits hold and a connection has one user, and, where connections are announced, no
 * more than one in all its life; at the end everybody was served or told why not, and all figures
 * add up. Meant for ThreadSanitizer as well. */
#include "weir/base/log.h"
#include "weir/upstream/ahead.h"
#include "weir/upstream/balance.h"
#include "weir/upstream/command.h"
#include "weir/upstream/idle.h"
#include "weir/upstream/principal.h"
#include "weir/upstream/waitq.h"

#include "support/model_server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_MAX = 8, AGENTS_MAX = 32, SERVERS_MAX = 2, IDS_A_THREAD = 1 << 16, PATIENCE_S = 60 };

/* What the threads have to do. */
struct shape {
    unsigned threads, agents, servers;
    unsigned turns; /* acquires of each thread */
    uint64_t max, max_idle, min_idle, queue_max, queue_timeout_ms;
    unsigned close_percent, cancel_percent; /* of the chances there are */
    bool share;
    int end_every_ms; /* of the servers */
    bool announced;   /* each connection is for one agent, which now and then leaves and returns */
    bool commanded;   /* an operator pauses, resumes, reconnects, flushes, drains, downs, limits */
};

enum agent_state { RESTING, PENDING, HOLDING };

struct agent {
    struct weir_ticket ticket;
    struct walker *walker;
    struct weir_upconn *upconn; /* while HOLDING */
    enum agent_state state;
    uint32_t life; /* which of its lives this is, of all agents' of its thread */
};

/* A thread. Its counts are read once it has been joined. */
struct walker {
    struct model *model;
    unsigned index;
    pthread_t thread;
    struct weir_loop loop;
    struct weir_upstream upstream;
    struct weir_turn next;
    struct weir_task stop;
    struct agent agents[AGENTS_MAX];
    unsigned turns, busy; /* acquires so far; agents that are not RESTING */
    uint32_t random;
    uint32_t lives;
    uint64_t got, cancelled, timed_out, rejected, failed;
};

struct model {
    struct shape shape;
    struct model_server origins[SERVERS_MAX];
    struct weir_server *servers[SERVERS_MAX];
    struct weir_member members[SERVERS_MAX];
    struct weir_config_pool config;
    struct weir_pool_plan plan;
    struct walker walkers[THREADS_MAX];
    atomic_uint done;              /* walkers without an agent that wants or has something */
    atomic_uint held[SERVERS_MAX]; /* connections that agents have */
    atomic_uchar *users;           /* of each connection by its id: 1 while an agent has it */
    uint32_t *owners;              /* the same: whose it is, by life */
    atomic_bool has_failed;        /* and then */
    char wrong[256];               /* why */
};

static void fail(struct model *model, const char *what, uint64_t got, uint64_t allowed)
{
    if (!atomic_exchange(&model->has_failed, true))
        snprintf(model->wrong, sizeof(model->wrong), "%s: %llu, and %llu was allowed", what,
                 (unsigned long long)got, (unsigned long long)allowed);
}

static unsigned index_of(const struct model *model, const struct weir_server *server)
{
    return server == model->servers[0] ? 0 : 1;
}

/* ---- What must hold at every moment ---- */

static void look(struct model *model)
{
    for (unsigned i = 0; i < model->shape.servers; i++) {
        unsigned open = atomic_load(&model->servers[i]->shared.connections);
        unsigned idle = atomic_load(&model->servers[i]->shared.idle);
        if (open > model->shape.max)
            fail(model, "connections open at once", open, model->shape.max);
        if (idle > model->shape.max_idle)
            fail(model, "connections idle at once", idle, model->shape.max_idle);
    }
}

static size_t row_of(const struct weir_upconn *upconn)
{
    return (size_t)(upconn->life.id & 0xff) * IDS_A_THREAD +
           (size_t)(upconn->life.id >> 8) % IDS_A_THREAD;
}

/* An announced one is its first user's, in that life. */
static void note_owner(const struct agent *agent, const struct weir_upconn *upconn)
{
    struct model *model = agent->walker->model;
    uint32_t *owner = &model->owners[row_of(upconn)];

    if (upconn->principal != agent->ticket.principal)
        fail(model, "principal of a connection that was given out", 1, 0);
    if ((upconn->life.id & 0xff) != agent->walker->index)
        fail(model, "worker of an announced connection", upconn->life.id & 0xff,
             agent->walker->index);
    else if (*owner != 0 && *owner != agent->life)
        fail(model, "owner of an announced connection", *owner, agent->life);
    else
        *owner = agent->life;
}

/* Whose connection it is has just changed: BY is 1 or -1. */
static void note_user(struct model *model, const struct weir_upconn *upconn, int by)
{
    unsigned server = index_of(model, upconn->server);
    size_t id = row_of(upconn);
    unsigned users = atomic_fetch_add(&model->users[id], (unsigned char)by);

    if (users != (by > 0 ? 0u : 1u))
        fail(model, "users of one connection", users, 0);
    unsigned held = atomic_fetch_add(&model->held[server], (unsigned)by);
    if (by > 0 && held + 1 > model->shape.max)
        fail(model, "connections in use at once", held + 1, model->shape.max);
    look(model);
}

/* ---- The steps ---- */

static uint32_t next_random(struct walker *walker)
{
    walker->random ^= walker->random << 13;
    walker->random ^= walker->random >> 17;
    walker->random ^= walker->random << 5;
    return walker->random;
}

static bool by_chance(struct walker *walker, unsigned percent)
{
    return next_random(walker) % 100 < percent;
}

static void rest(struct agent *agent)
{
    agent->state = RESTING;
    agent->walker->busy--;
}

/* The server has said something, or ended: the holder does not care. */
static void on_ready(void *owner, unsigned ready)
{
    struct agent *agent = owner;

    (void)ready;
    (void)weir_stream_want(&agent->upconn->stream, WEIR_WANT_NONE);
}

static void hold(struct agent *agent, struct weir_upconn *upconn)
{
    static const struct weir_upconn_events events = {.on_ready = on_ready};

    agent->state = HOLDING;
    agent->upconn = upconn;
    agent->walker->got++;
    if (upconn->state != WEIR_UPCONN_BUSY || upconn->upstream != &agent->walker->upstream)
        fail(agent->walker->model, "state of a connection that was given out", upconn->state,
             WEIR_UPCONN_BUSY);
    upconn->events = &events;
    upconn->owner = agent;
    upconn->life.requests++;
    note_user(agent->walker->model, upconn, 1);
    if (agent->walker->model->shape.announced)
        note_owner(agent, upconn);
}

static void on_done(struct weir_ticket *ticket, struct weir_upconn *upconn, enum weir_error error)
{
    struct agent *agent = (struct agent *)(void *)((char *)ticket - offsetof(struct agent, ticket));

    if (agent->state != PENDING)
        fail(agent->walker->model, "state of an agent that is told", agent->state, PENDING);
    if (!error) {
        hold(agent, upconn);
        return;
    }
    if (error == WEIR_QUEUE_TIMEOUT)
        agent->walker->timed_out++;
    else
        agent->walker->failed++;
    rest(agent);
}

static void acquire(struct agent *agent)
{
    struct walker *walker = agent->walker;
    struct weir_upconn *upconn;

    agent->state = PENDING;
    walker->busy++;
    walker->turns++;
    enum weir_error error = weir_pool_acquire(&agent->ticket, &upconn);
    if (upconn) {
        hold(agent, upconn);
    } else if (error) {
        if (error == WEIR_QUEUE_FULL)
            walker->rejected++;
        else
            walker->failed++;
        rest(agent);
    }
}

static void let_go(struct agent *agent)
{
    struct weir_upconn *upconn = agent->upconn;

    agent->upconn = NULL;
    note_user(agent->walker->model, upconn, -1);
    if (by_chance(agent->walker, agent->walker->model->shape.close_percent))
        weir_upconn_close(upconn, WEIR_CLOSED_not_reusable);
    else
        weir_pool_release(&upconn);
    rest(agent);
}

/* The pace is not the subject here: the next may be opened at once. */
static void open_ahead(struct walker *walker)
{
    struct model *model = walker->model;

    for (unsigned i = 0; i < model->shape.servers; i++)
        atomic_store(&model->servers[i]->pace.next_ms, 0);
    weir_ahead_look(&walker->upstream);
}

static void enter(struct agent *agent)
{
    const struct weir_address somebody = {.len = 0};

    agent->life = ++agent->walker->lives;
    agent->ticket.principal = weir_principal_create(&agent->walker->upstream, &somebody, &somebody);
    cr_assert_not_null(agent->ticket.principal);
}

static void leave(struct agent *agent)
{
    weir_principal_destroy(agent->ticket.principal);
    agent->ticket.principal = NULL;
}

static void step(struct walker *walker)
{
    struct model *model = walker->model;
    struct agent *agent = &walker->agents[next_random(walker) % model->shape.agents];

    switch (agent->state) {
    case RESTING:
        if (model->shape.announced && by_chance(walker, 5)) {
            leave(agent);
            enter(agent);
        }
        if (walker->turns < model->shape.turns)
            acquire(agent);
        break;
    case PENDING:
        if (by_chance(walker, model->shape.cancel_percent)) {
            weir_ticket_cancel(&agent->ticket);
            walker->cancelled++;
            rest(agent);
        }
        break;
    default:
        let_go(agent);
        break;
    }
    if (model->shape.min_idle > 0 && by_chance(walker, 10))
        open_ahead(walker);
    look(model);
}

static void on_turn(struct weir_turn *turn)
{
    struct walker *walker = (struct walker *)(void *)((char *)turn - offsetof(struct walker, next));

    step(walker);
    if (walker->turns < walker->model->shape.turns || walker->busy > 0)
        weir_loop_next_turn(&walker->loop, turn);
    else
        atomic_fetch_add(&walker->model->done, 1);
}

/* ---- The threads ---- */

static void on_stop(struct weir_task *task)
{
    struct walker *walker = (struct walker *)(void *)((char *)task - offsetof(struct walker, stop));

    for (unsigned i = 0; walker->model->shape.announced && i < walker->model->shape.agents; i++)
        leave(&walker->agents[i]);
    weir_ahead_stop(&walker->upstream);
    weir_upstream_sweep(&walker->upstream, false);
    weir_loop_stop(&walker->loop);
}

static void *run(void *argument)
{
    struct walker *walker = argument;
    weir_loop_run(&walker->loop);
    return NULL;
}

static void start_walker(struct model *model, unsigned index)
{
    struct walker *walker = &model->walkers[index];

    walker->model = model;
    walker->index = index;
    walker->random = 88172645u + index * 7919;
    walker->stop.run = on_stop;
    cr_assert_eq(weir_loop_init(&walker->loop), 0);
    weir_upstream_init(&walker->upstream, &walker->loop, index);
    weir_ahead_start(&walker->upstream, &model->plan, 1);
    walker->next.run = on_turn;
    weir_loop_next_turn(&walker->loop, &walker->next);
    for (unsigned i = 0; i < model->shape.agents; i++) {
        walker->agents[i].walker = walker;
        walker->agents[i].ticket = (struct weir_ticket){
            .upstream = &walker->upstream, .plan = &model->plan, .on_done = on_done};
        if (model->shape.announced)
            enter(&walker->agents[i]);
    }
    cr_assert_eq(pthread_create(&walker->thread, NULL, run, walker), 0);
}

static void build(struct model *model)
{
    struct shape *shape = &model->shape;

    model->config = (struct weir_config_pool){.name = (char *)"model",
                                              .balance = WEIR_BALANCE_LEAST_CONNECTIONS,
                                              .share = shape->share,
                                              .idle_min = shape->min_idle,
                                              .queue_max = shape->queue_max,
                                              .queue_timeout_ms = shape->queue_timeout_ms};
    model->plan = (struct weir_pool_plan){
        .config = &model->config,
        .pool = weir_pool_create("model", shape->threads),
        .settings = {.connections_max = shape->max,
                     .idle_timeout_ms = 20,
                     .age_ms_max = 50,
                     .connect_ms = 10000,
                     .close = WEIR_CLOSE_RESET},
        .n_servers = shape->servers,
        .servers = model->servers,
        .members = model->members,
    };
    model->users = calloc((size_t)THREADS_MAX * IDS_A_THREAD, sizeof(*model->users));
    model->owners = calloc((size_t)THREADS_MAX * IDS_A_THREAD, sizeof(*model->owners));
    for (unsigned i = 0; i < shape->servers; i++) {
        cr_assert_eq(model_server_start(&model->origins[i], shape->end_every_ms), 0);
        model->members[i].weight = 1;
        model->servers[i] = weir_server_create("model", &model->origins[i].address, shape->threads);
        model->servers[i]->announces = shape->announced ? WEIR_PROXY_V2 : WEIR_PROXY_OFF;
        weir_server_limit(model->servers[i], shape->max, shape->max_idle);
    }
    cr_assert(weir_tier_init(&model->plan.tiers[WEIR_TIER_MAIN], model->servers, model->members,
                             shape->servers, false, false));
}

/* ---- The operator ---- */

struct sweep {
    struct weir_task task;
    struct weir_upstream *upstream;
    const struct weir_pool *flushed;
};

static void on_sweep(struct weir_task *task)
{
    struct sweep *sweep = (struct sweep *)(void *)((char *)task - offsetof(struct sweep, task));

    if (sweep->flushed)
        weir_upstream_flush(sweep->upstream, sweep->flushed);
    else
        weir_upstream_sweep(sweep->upstream, true);
    free(sweep);
}

static void post_sweeps(struct model *model, const struct weir_pool *flushed)
{
    for (unsigned i = 0; i < model->shape.threads; i++) {
        struct sweep *sweep = calloc(1, sizeof(*sweep));
        cr_assert_not_null(sweep);
        sweep->task.run = on_sweep;
        sweep->upstream = &model->walkers[i].upstream;
        sweep->flushed = flushed;
        weir_loop_post(&model->walkers[i].loop, &sweep->task);
    }
}

/* Nothing stays as it is for longer than the next command: the pool goes on, and where there are
 * two servers at least one of them is up. */
static void give_command(struct model *model, unsigned number)
{
    struct weir_pool_plan *plan = &model->plan;
    struct weir_server *server = plan->servers[number / 8 % plan->n_servers];
    uint64_t max = model->shape.max, max_idle = model->shape.max_idle;

    switch (number % 8) {
    case 0:
        weir_pool_pause(plan->pool);
        break;
    case 1:
        weir_pool_resume(plan);
        break;
    case 2:
        weir_pool_reconnect(plan->pool);
        break;
    case 4:
    case 6:
        if (plan->n_servers > 1)
            weir_pool_set_server(plan, server,
                                 number % 8 == 4 ? WEIR_ADMIN_drain : WEIR_ADMIN_down);
        break;
    case 5:
    case 7:
        weir_pool_set_server(plan, server, WEIR_ADMIN_up);
        break;
    default:
        break;
    }
    weir_server_limit(server, max - number / 16 % max, 1 + number / 16 % max_idle);
    post_sweeps(model, number % 8 == 3 ? plan->pool : NULL);
}

/* Until every walker is done; false when they are not within PATIENCE_S. */
static bool await_walkers(struct model *model)
{
    for (int i = 0; i < PATIENCE_S * 1000; i++) {
        if (atomic_load(&model->done) == model->shape.threads)
            return true;
        if (model->shape.commanded)
            give_command(model, (unsigned)i);
        /* Sometimes one command follows upon the other. */
        if (!model->shape.commanded || i % 3 > 0)
            usleep(1000);
    }
    return false;
}

static void describe_stuck(const struct model *model)
{
    fprintf(stderr, "%u of %u threads are done; %u wait", atomic_load(&model->done),
            model->shape.threads, atomic_load(&model->plan.pool->shared.n_waiting));
    for (unsigned i = 0; i < model->shape.servers; i++)
        fprintf(stderr, "; server %u: %u open, %u idle, %u in use", i,
                atomic_load(&model->servers[i]->shared.connections),
                atomic_load(&model->servers[i]->shared.idle), atomic_load(&model->held[i]));
    fputs("\n", stderr);
}

/* ---- What must hold at the end ---- */

static void check_walkers(struct model *model)
{
    uint64_t timed_out = 0, rejected = 0, counted_timed_out = 0, counted_rejected = 0;
    uint64_t got = 0, cancelled = 0;

    for (unsigned i = 0; i < model->shape.threads; i++) {
        struct walker *walker = &model->walkers[i];
        struct weir_pool_counters *counters = &model->plan.pool->slots[i].counters;
        uint64_t ends = walker->got + walker->cancelled + walker->timed_out + walker->rejected +
                        walker->failed;
        /* Each turn has one end. */
        cr_expect_eq(ends, walker->turns, "thread %u: %llu ends of %u turns", i,
                     (unsigned long long)ends, walker->turns);
        cr_expect_eq(walker->failed, 0, "thread %u: %llu acquires failed", i,
                     (unsigned long long)walker->failed);
        got += walker->got;
        cancelled += walker->cancelled;
        timed_out += walker->timed_out;
        rejected += walker->rejected;
        counted_timed_out += weir_counter_get(&counters->queue_timed_out);
        counted_rejected += weir_counter_get(&counters->queue_rejected);
    }
    cr_log_info("%llu acquired, %llu cancelled, %llu timed out, %llu rejected",
                (unsigned long long)got, (unsigned long long)cancelled,
                (unsigned long long)timed_out, (unsigned long long)rejected);
    cr_expect_eq(timed_out, counted_timed_out);
    cr_expect_eq(rejected, counted_rejected);
    cr_expect_eq(atomic_load(&model->plan.pool->shared.n_waiting), 0);
}

/* Each connection that was opened, and that the servers saw, was closed and counted once. */
static void check_connections(struct model *model)
{
    uint64_t opened = 0, closed = 0, accepted = 0;

    for (unsigned i = 0; i < model->shape.threads; i++)
        opened += model->walkers[i].upstream.next_id - 1;
    for (unsigned i = 0; i < model->shape.servers; i++) {
        struct weir_server *server = model->servers[i];
        cr_expect_eq(atomic_load(&server->shared.connections), 0);
        cr_expect_eq(atomic_load(&server->shared.idle), 0);
        accepted += atomic_load(&model->origins[i].accepted);
        for (unsigned k = 0; k < server->n_slots; k++) {
            for (int reason = 0; reason < WEIR_CLOSE_REASON_COUNT; reason++)
                closed += weir_counter_get(&server->slots[k].closed[reason]);
            cr_expect_null(server->slots[k].shared.idle);
        }
    }
    cr_expect_eq(opened, closed, "%llu opened, %llu closed", (unsigned long long)opened,
                 (unsigned long long)closed);
    /* One that was cancelled while it connected may never have been accepted. */
    cr_expect_leq(accepted, opened);
    cr_log_info("%llu connections", (unsigned long long)opened);
}

static void walk(struct shape shape)
{
    struct model *model = calloc(1, sizeof(*model));
    bool done;

    cr_assert_not_null(model);
    cr_assert_eq(weir_log_open("stderr", WEIR_LOG_ERROR, WEIR_LOG_TEXT), 0);
    model->shape = shape;
    build(model);
    for (unsigned i = 0; i < shape.threads; i++)
        start_walker(model, i);
    done = await_walkers(model);
    if (!done) {
        describe_stuck(model);
        cr_assert_fail("somebody waits for ever");
    }
    for (unsigned i = 0; i < shape.threads; i++)
        weir_loop_post(&model->walkers[i].loop, &model->walkers[i].stop);
    for (unsigned i = 0; i < shape.threads; i++)
        pthread_join(model->walkers[i].thread, NULL);
    for (unsigned i = 0; i < shape.threads; i++)
        weir_loop_fini(&model->walkers[i].loop);
    cr_expect_not(atomic_load(&model->has_failed), "%s", model->wrong);
    check_walkers(model);
    check_connections(model);
    for (unsigned i = 0; i < shape.threads; i++)
        weir_upstream_fini(&model->walkers[i].upstream);
    for (unsigned i = 0; i < shape.servers; i++) {
        model_server_stop(&model->origins[i]);
        weir_server_unref(model->servers[i]);
    }
    weir_pool_unref(model->plan.pool);
    weir_tier_fini(&model->plan.tiers[WEIR_TIER_MAIN]);
    free(model->users);
    free(model->owners);
    free(model);
}

/* ---- The walks ---- */

/* Nobody runs out of time here: one wake-up that is lost, and all stand still. */
Test(upstream_model, no_waiter_is_lost_at_one_connection)
{
    walk((struct shape){.threads = 4,
                        .agents = 2,
                        .servers = 1,
                        .turns = 800,
                        .max = 1,
                        .max_idle = 1,
                        .share = true});
}

Test(upstream_model, no_waiter_is_lost_while_connections_end)
{
    walk((struct shape){.threads = 4,
                        .agents = 4,
                        .servers = 1,
                        .turns = 2000,
                        .max = 3,
                        .max_idle = 3,
                        .close_percent = 30,
                        .share = true});
}

Test(upstream_model, no_waiter_is_lost_without_sharing)
{
    walk((struct shape){.threads = 4,
                        .agents = 3,
                        .servers = 1,
                        .turns = 1500,
                        .max = 4,
                        .max_idle = 4,
                        .close_percent = 5,
                        .share = false});
}

Test(upstream_model, waiters_that_leave_lose_nothing)
{
    walk((struct shape){.threads = 4,
                        .agents = 8,
                        .servers = 1,
                        .turns = 8000,
                        .max = 2,
                        .max_idle = 2,
                        .close_percent = 10,
                        .cancel_percent = 3,
                        .share = true});
}

Test(upstream_model, all_of_it_on_two_servers)
{
    walk((struct shape){.threads = 6,
                        .agents = 32,
                        .servers = 2,
                        .turns = 20000,
                        .max = 7,
                        .max_idle = 3,
                        .queue_max = 170,
                        .queue_timeout_ms = 3,
                        .close_percent = 10,
                        .cancel_percent = 1,
                        .share = true,
                        .end_every_ms = 1});
}

Test(upstream_model, no_waiter_is_lost_under_command)
{
    walk((struct shape){.threads = 4,
                        .agents = 4,
                        .servers = 1,
                        .turns = 3000,
                        .max = 3,
                        .max_idle = 3,
                        .close_percent = 1,
                        .share = true,
                        .commanded = true});
}

Test(upstream_model, no_waiter_is_lost_under_command_without_sharing)
{
    walk((struct shape){.threads = 4,
                        .agents = 4,
                        .servers = 2,
                        .turns = 3000,
                        .max = 4,
                        .max_idle = 4,
                        .share = false,
                        .commanded = true});
}

Test(upstream_model, all_of_it_under_command)
{
    walk((struct shape){.threads = 6,
                        .agents = 32,
                        .servers = 2,
                        .turns = 8000,
                        .max = 7,
                        .max_idle = 3,
                        .queue_max = 170,
                        .queue_timeout_ms = 20,
                        .close_percent = 5,
                        .cancel_percent = 1,
                        .share = true,
                        .end_every_ms = 1,
                        .commanded = true});
}

Test(upstream_model, no_waiter_is_lost_while_some_are_opened_ahead)
{
    walk((struct shape){.threads = 4,
                        .agents = 4,
                        .servers = 1,
                        .turns = 800,
                        .max = 3,
                        .max_idle = 3,
                        .min_idle = 3,
                        .close_percent = 30,
                        .share = true});
}

Test(upstream_model, no_waiter_is_lost_while_some_are_opened_ahead_without_sharing)
{
    walk((struct shape){.threads = 4,
                        .agents = 3,
                        .servers = 1,
                        .turns = 800,
                        .max = 4,
                        .max_idle = 4,
                        .min_idle = 2,
                        .close_percent = 20,
                        .share = false});
}

Test(upstream_model, all_of_it_ahead_and_under_command)
{
    walk((struct shape){.threads = 6,
                        .agents = 32,
                        .servers = 2,
                        .turns = 8000,
                        .max = 7,
                        .max_idle = 4,
                        .min_idle = 3,
                        .queue_max = 170,
                        .queue_timeout_ms = 20,
                        .close_percent = 5,
                        .cancel_percent = 1,
                        .share = true,
                        .end_every_ms = 1,
                        .commanded = true});
}

/* Mostly the connections that are there are of no use to who waits: they must make room. */
Test(upstream_model, no_waiter_is_lost_among_announced_connections)
{
    walk((struct shape){.threads = 4,
                        .agents = 4,
                        .servers = 1,
                        .turns = 1500,
                        .max = 3,
                        .max_idle = 3,
                        .close_percent = 5,
                        .share = true,
                        .announced = true});
}

Test(upstream_model, no_waiter_is_lost_among_announced_connections_of_two_servers)
{
    walk((struct shape){.threads = 4,
                        .agents = 8,
                        .servers = 2,
                        .turns = 1500,
                        .max = 4,
                        .max_idle = 2,
                        .cancel_percent = 3,
                        .share = false,
                        .announced = true,
                        .commanded = true});
}

Test(upstream_model, all_of_it_among_announced_connections)
{
    walk((struct shape){.threads = 6,
                        .agents = 32,
                        .servers = 2,
                        .turns = 6000,
                        .max = 40,
                        .max_idle = 30,
                        .queue_max = 170,
                        .queue_timeout_ms = 20,
                        .close_percent = 5,
                        .cancel_percent = 1,
                        .share = true,
                        .end_every_ms = 1,
                        .announced = true,
                        .commanded = true});
}
