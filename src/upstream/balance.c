#include "weir/upstream/balance.h"

#include "weir/upstream/upconn.h"

size_t weir_balance_round_robin(const struct weir_candidate *candidates, size_t n, int64_t *turns)
{
    size_t best = n;
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        if (!candidates[i].has_room)
            continue;
        turns[i] += (int64_t)candidates[i].weight;
        sum += (int64_t)candidates[i].weight;
        if (best == n || turns[i] > turns[best])
            best = i;
    }
    if (best < n)
        turns[best] -= sum;
    return best;
}

/* Is A, with one connection more, less loaded for its weight than B? */
static bool is_better(const struct weir_candidate *a, const struct weir_candidate *b)
{
    uint64_t load_a = (a->load + 1ull) * b->weight, load_b = (b->load + 1ull) * a->weight;

    return load_a < load_b || (load_a == load_b && a->has_idle && !b->has_idle);
}

size_t weir_balance_least_connections(const struct weir_candidate *candidates, size_t n,
                                      size_t start)
{
    size_t best = n;

    for (size_t k = 0; k < n; k++) {
        size_t i = (start + k) % n;
        if (candidates[i].has_room && (best == n || is_better(&candidates[i], &candidates[best])))
            best = i;
    }
    return best;
}

static bool has_room(struct weir_server *server, const struct weir_ticket *ticket)
{
    uint64_t max = ticket->plan->settings.connections_max;
    unsigned open = atomic_load(&server->shared.connections);

    return weir_server_is_up(server) &&
           (max == 0 || open < max || atomic_load(&server->shared.idle) > 0);
}

static bool is_avoided(const struct weir_server *server, const struct weir_ticket *ticket)
{
    for (unsigned i = 0; i < ticket->n_avoid; i++) {
        if (ticket->avoid[i] == server)
            return true;
    }
    return false;
}

static bool look(struct weir_candidate *candidates, const struct weir_ticket *ticket)
{
    const struct weir_pool_plan *plan = ticket->plan;
    bool any_unavoided = false;

    for (size_t i = 0; i < plan->n_servers; i++) {
        struct weir_server *server = plan->servers[i];
        candidates[i] = (struct weir_candidate){
            .weight = plan->config->servers[i].weight,
            .load = weir_server_load(server),
            .has_room = has_room(server, ticket),
            .has_idle = atomic_load_explicit(&server->shared.idle, memory_order_relaxed) > 0,
            .is_avoided = is_avoided(server, ticket),
        };
        any_unavoided |= candidates[i].has_room && !candidates[i].is_avoided;
    }
    return any_unavoided;
}

static size_t choose_among(struct weir_candidate *candidates, struct weir_ticket *ticket)
{
    const struct weir_pool_plan *plan = ticket->plan;
    struct weir_pool_slot *slot = &plan->pool->slots[ticket->upstream->worker];
    size_t n = plan->n_servers;

    if (look(candidates, ticket)) {
        for (size_t i = 0; i < n; i++)
            candidates[i].has_room &= !candidates[i].is_avoided;
    }
    if (plan->config->balance == WEIR_BALANCE_ROUND_ROBIN)
        return weir_balance_round_robin(candidates, n, plan->turns + n * ticket->upstream->worker);
    return weir_balance_least_connections(candidates, n, slot->turn++ % n);
}

struct weir_server *weir_balance_choose(struct weir_ticket *ticket)
{
    const struct weir_pool_plan *plan = ticket->plan;
    size_t chosen;

    if (plan->n_servers == 1)
        return has_room(plan->servers[0], ticket) ? plan->servers[0] : NULL;
    chosen = choose_among(plan->candidates + plan->n_servers * ticket->upstream->worker, ticket);
    return chosen < plan->n_servers ? plan->servers[chosen] : NULL;
}
