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
