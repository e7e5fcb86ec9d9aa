#include "weir/upstream/ahead.h"

#include "weir/base/assert.h"
#include "weir/base/log.h"
#include "weir/base/random.h"
#include "weir/upstream/waitq.h"

/* Each duration costs the loop a list (deadline.h), so there are few. */
enum { LOOK_MS = 88, LOOK_STEP_MS = 8, LOOK_STEPS = 4, PHASE_MS = 25, PHASES = 4 };

/* The one place where an attempt that failed is told of: once an outage. */
static void note_failure(struct weir_upstream *upstream, const struct weir_pool *pool,
                         struct weir_server *server, enum weir_error error)
{
    bool is_tls = error == WEIR_TLS_FAILED || error == WEIR_TLS_UNTRUSTED;
    const char *fault = is_tls ? atomic_load(&server->tls.fault) : NULL;

    if (weir_pace_failed(&server->pace, weir_loop_now_ms(upstream->loop),
                         weir_random_next(&upstream->random)))
        weir_log(WEIR_LOG_WARN,
                 "%s: %s: can't be connected to ahead of need: %s%s%s; it is tried again ever "
                 "less often",
                 pool->name, server->name, weir_error_text(error), fault ? ": " : "",
                 fault ? fault : "");
}

static void on_connected(void *owner, enum weir_error error)
{
    struct weir_upconn *upconn = owner;
    struct weir_server *server = upconn->server;

    if (error) {
        note_failure(upconn->upstream, upconn->pool, server, error);
        return;
    }
    weir_count(&weir_upconn_counters(upconn)->connections_prewarmed, 1);
    weir_pool_release(&upconn);
    /* Only now: so that at no moment it is neither idle nor being opened. */
    atomic_fetch_sub(&server->pace.opening, 1);
}

static void on_ready(void *owner, unsigned ready)
{
    (void)owner;
    (void)ready;
    WEIR_ASSERT(!"a connection that nobody uses became ready");
}

static const struct weir_upconn_events events = {
    .on_connected = on_connected, .on_ready = on_ready, .is_ahead = true};

static bool is_usable(const struct weir_pool *pool, struct weir_server *server)
{
    return weir_server_is_up(server) && weir_server_is_well(server) &&
           !atomic_load(&pool->shared.is_paused) && !atomic_load(&server->shared.is_retired) &&
           !weir_server_is_held(server) && !weir_lesson_is_unkept(&server->lesson);
}

static void look_at(struct weir_upstream *upstream, const struct weir_pool_plan *plan,
                    struct weir_server *server)
{
    struct weir_pace *pace = &server->pace;
    enum weir_error error = WEIR_OK;
    struct weir_upconn *upconn;
    bool has_port;
    struct weir_pace_facts facts = {
        .is_usable = is_usable(plan->pool, server),
        .has_waiters = weir_waitq_has_waiters(plan->pool),
        .idle_min = plan->config->idle_min,
        .connections_max = plan->settings.connections_max,
        .connections = atomic_load(&server->shared.connections),
        .opening = atomic_load(&pace->opening), /* before those that are idle: see on_connected */
        .failed = atomic_load(&pace->failed),
        .idle_here = atomic_load(&server->slots[upstream->worker].shared.n_idle),
        .n_workers = server->n_slots,
    };

    facts.idle = atomic_load(&server->shared.idle);
    if (!weir_pace_wants(&facts) ||
        !weir_pace_claim(pace, weir_loop_now_ms(upstream->loop),
                         weir_random_next(&upstream->random)) ||
        !weir_server_reserve(server, facts.connections_max, &has_port))
        return;
    if (has_port) {
        /* Ports have just run out: what is left is for requests. */
        weir_server_give_port(server);
        weir_pool_slot_free(upstream, plan->pool, server, &plan->settings);
        return;
    }
    upconn = weir_upconn_open(upstream, server, plan, &events, NULL, &error);
    if (upconn)
        upconn->owner = upconn;
    else if (error != WEIR_NO_PORT)
        note_failure(upstream, plan->pool, server, error);
}

void weir_ahead_look(struct weir_upstream *upstream)
{
    for (size_t i = 0; i < upstream->n_plans; i++) {
        const struct weir_pool_plan *plan = &upstream->plans[i];
        for (size_t k = 0; plan->config->idle_min > 0 && k < plan->n_servers; k++)
            look_at(upstream, plan, plan->servers[k]);
    }
}

static void on_look(struct weir_deadline *deadline)
{
    struct weir_upstream *upstream =
        (struct weir_upstream *)(void *)((char *)deadline - offsetof(struct weir_upstream, ahead));

    weir_loop_deadline(upstream->loop, deadline,
                       LOOK_MS + LOOK_STEP_MS * (weir_random_next(&upstream->random) % LOOK_STEPS));
    weir_ahead_look(upstream);
}

void weir_ahead_start(struct weir_upstream *upstream, const struct weir_pool_plan *plans, size_t n)
{
    bool is_wanted = false;

    upstream->plans = plans;
    upstream->n_plans = n;
    for (size_t i = 0; i < n; i++)
        is_wanted |= plans[i].config->idle_min > 0;
    if (!is_wanted || upstream->is_draining) {
        weir_ahead_stop(upstream);
    } else if (!upstream->ahead.list) {
        upstream->ahead.on_expire = on_look;
        weir_loop_deadline(upstream->loop, &upstream->ahead,
                           PHASE_MS * (1 + upstream->worker % PHASES));
    }
}

void weir_ahead_stop(struct weir_upstream *upstream)
{
    weir_deadline_cancel(&upstream->ahead);
}
