#include "weir/upstream/command.h"

#include "weir/upstream/waitq.h"

void weir_pool_pause(struct weir_pool *pool)
{
    atomic_store(&pool->shared.is_paused, true);
}

/* One place of each server in turn, so that the first is not given them all. */
static void serve_waiters(const struct weir_pool_plan *plan)
{
    bool has_granted = true;

    while (has_granted && weir_waitq_has_waiters(plan->pool)) {
        has_granted = false;
        for (size_t i = 0; i < plan->n_servers; i++)
            has_granted |= weir_waitq_grant_slot(NULL, plan->pool, plan->servers[i],
                                                 plan->settings.connections_max, false);
    }
}

void weir_pool_resume(const struct weir_pool_plan *plan)
{
    atomic_store(&plan->pool->shared.is_paused, false);
    serve_waiters(plan);
}

void weir_pool_reconnect(struct weir_pool *pool)
{
    atomic_fetch_add(&pool->shared.epoch, 1);
}

void weir_pool_set_server(const struct weir_pool_plan *plan, struct weir_server *server,
                          enum weir_admin_state state)
{
    if (state == WEIR_ADMIN_drain && weir_server_is_up(server))
        atomic_store(&server->shared.drained_us, uv_hrtime() / 1000);
    atomic_store(&server->shared.admin_state, state);
    weir_waitq_reconsider(plan->pool);
    serve_waiters(plan);
}

unsigned weir_pool_connections(const struct weir_pool_plan *plan)
{
    unsigned n = 0;

    for (size_t i = 0; i < plan->n_servers; i++)
        n += atomic_load(&plan->servers[i]->shared.connections);
    return n;
}
