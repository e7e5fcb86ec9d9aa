#include "weir/upstream/command.h"

#include "weir/upstream/waitq.h"

#include <utlist.h>

void weir_pool_pause(struct weir_pool *pool)
{
    atomic_store(&pool->shared.is_paused, true);
}

void weir_pool_resume(const struct weir_pool_plan *plan)
{
    atomic_store(&plan->pool->shared.is_paused, false);
    weir_pool_serve_waiters(plan);
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
    weir_pool_serve_waiters(plan);
}

unsigned weir_pool_connections(const struct weir_pool_plan *plan)
{
    struct weir_server *server;
    unsigned n = 0;

    for (size_t i = 0; i < plan->n_servers; i++)
        n += atomic_load(&plan->servers[i]->shared.connections);
    DL_FOREACH(plan->pool->departed, server) {
        n += atomic_load(&server->shared.connections);
    }
    return n;
}
