#include "weir/upstream/outlier.h"

#include "weir/base/log.h"
#include "weir/upstream/idle.h"
#include "weir/upstream/waitq.h"

/* Those of other workers, too: nobody else would look at them before their time. */
static void retire_idle(struct weir_upstream *upstream, const struct weir_pool_plan *plan,
                        struct weir_server *server)
{
    struct weir_upconn *upconn;

    for (;;) {
        upconn = weir_idle_take(upstream, server, false);
        if (!upconn)
            upconn = weir_idle_steal(upstream, server, plan->pool, &plan->settings, false, true);
        if (!upconn)
            return;
        weir_upconn_close(upconn, WEIR_CLOSED_server_gone);
    }
}

/* For how long the first to return of the plan's ejected servers is still to be left alone; 0: none
 * is ejected. */
static uint64_t next_return_ms(const struct weir_pool_plan *plan, uint64_t now_ms)
{
    uint64_t next_ms = 0;

    for (size_t i = 0; i < plan->n_servers; i++) {
        struct weir_health *health = &plan->servers[i]->shared.health;
        uint64_t until_ms = atomic_load(&health->until_ms);
        if (weir_health_is_well(health, now_ms) ||
            !(atomic_load(&health->troubles) & WEIR_HEALTH_EJECTED))
            continue;
        if (next_ms == 0 || until_ms < now_ms + next_ms)
            next_ms = until_ms > now_ms ? until_ms - now_ms : 1;
    }
    return next_ms;
}

static void on_returns(struct weir_deadline *deadline);

static void await_returns(struct weir_upstream *upstream)
{
    uint64_t now_ms = weir_loop_now_ms(upstream->loop), next_ms = 0, ms;

    for (size_t i = 0; i < upstream->n_plans; i++) {
        ms = next_return_ms(&upstream->plans[i], now_ms);
        if (ms > 0 && (next_ms == 0 || ms < next_ms))
            next_ms = ms;
    }
    upstream->returns.on_expire = on_returns;
    weir_loop_deadline(upstream->loop, &upstream->returns,
                       next_ms > 0 ? weir_deadline_step_ms(next_ms) : 0);
}

/* Requests see by themselves that a server is back; those that wait are told. */
static void on_returns(struct weir_deadline *deadline)
{
    struct weir_upstream *upstream = (struct weir_upstream *)(void *)((char *)deadline -
                                                                      offsetof(struct weir_upstream,
                                                                               returns));

    await_returns(upstream);
    for (size_t i = 0; i < upstream->n_plans; i++) {
        const struct weir_pool_plan *plan = &upstream->plans[i];
        if (!weir_waitq_has_waiters(plan->pool))
            continue;
        weir_waitq_reconsider(plan->pool);
        weir_pool_serve_waiters(plan);
    }
}

void weir_outlier_stop(struct weir_upstream *upstream)
{
    weir_deadline_cancel(&upstream->returns);
}

void weir_outlier_failed(struct weir_upstream *upstream, const struct weir_pool_plan *plan,
                         struct weir_server *server)
{
    const struct weir_config_pool *config = plan->config;
    uint64_t for_ms;

    if (!weir_health_failed(&server->shared.health, config->outlier_failures, config->eject_ms,
                            weir_loop_now_ms(upstream->loop), &for_ms))
        return;
    weir_count(&server->slots[upstream->worker].counters.ejections, 1);
    weir_log(WEIR_LOG_WARN, "%s: %s: ejected for %llu ms: %u requests in a row failed at it",
             plan->pool->name, server->name, (unsigned long long)for_ms,
             atomic_load(&server->shared.health.failures));
    weir_server_recall(server);
    retire_idle(upstream, plan, server);
    await_returns(upstream);
    weir_waitq_reconsider(plan->pool);
    weir_pool_serve_waiters(plan);
}

void weir_outlier_succeeded(const struct weir_pool_plan *plan, struct weir_server *server,
                            uint64_t sent_ms, uint64_t now_ms)
{
    if (!weir_health_succeeded(&server->shared.health, sent_ms, now_ms))
        return;
    weir_log(WEIR_LOG_INFO, "%s: %s: no longer ejected: it answers", plan->pool->name,
             server->name);
    weir_waitq_reconsider(plan->pool);
    weir_pool_serve_waiters(plan);
}

bool weir_outlier_has_well(const struct weir_pool_plan *plan)
{
    for (size_t i = 0; i < plan->n_servers; i++) {
        if (weir_server_is_up(plan->servers[i]) && weir_server_is_well(plan->servers[i]))
            return true;
    }
    return false;
}
