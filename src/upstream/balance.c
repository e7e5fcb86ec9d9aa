#include "weir/upstream/balance.h"

#include "weir/base/assert.h"
#include "weir/base/random.h"
#include "weir/upstream/principal.h"
#include "weir/upstream/upconn.h"

enum { DRAWS_MAX = 4, STEPS_MAX = 32 };

#define BOUND_NUMERATOR 5ull
#define BOUND_DENOMINATOR 4ull

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

ptrdiff_t weir_balance_random_two(const struct weir_tier *tier, struct weir_candidates candidates,
                                  uint32_t *random)
{
    for (int i = 0; tier->n > 0 && i < DRAWS_MAX; i++) {
        size_t a = weir_tier_find(tier, weir_random_below(random, tier->weight)), b = a;
        struct weir_candidate first = candidates.at(candidates.of, tier->servers[a]), second;
        uint64_t before = a > 0 ? tier->sums[a - 1] : 0, others = tier->weight - first.weight;
        if (others > 0) {
            /* Without the first: what stands behind it moves up. */
            uint64_t at = weir_random_below(random, others);
            b = weir_tier_find(tier, at < before ? at : at + first.weight);
        }
        second = candidates.at(candidates.of, tier->servers[b]);
        if (second.has_room && (!first.has_room || is_better(&second, &first)))
            return tier->servers[b];
        if (first.has_room)
            return tier->servers[a];
    }
    return WEIR_BALANCE_MISSED;
}

uint64_t weir_balance_bound(uint64_t total, uint64_t weight, uint64_t weight_of_all)
{
    uint64_t divisor = BOUND_DENOMINATOR * weight_of_all;

    return divisor > 0 ? (BOUND_NUMERATOR * total * weight + divisor - 1) / divisor : 0;
}

ptrdiff_t weir_balance_hash(const struct weir_tier *tier, struct weir_candidates candidates,
                            uint64_t key, uint64_t total)
{
    const struct weir_ring *ring = &tier->ring;
    size_t point;

    if (ring->n == 0)
        return WEIR_BALANCE_MISSED;
    point = weir_ring_find(ring, key);
    for (int i = 0; i < STEPS_MAX; i++) {
        uint32_t server = ring->points[point].server;
        struct weir_candidate candidate = candidates.at(candidates.of, server);
        if (candidate.has_room &&
            candidate.load < weir_balance_bound(total, candidate.weight, tier->weight))
            return server;
        point = point + 1 < ring->n ? point + 1 : 0;
    }
    return WEIR_BALANCE_MISSED;
}

/* ---- Which servers are right ---- */

static bool is_among(const struct weir_server *server, struct weir_server *const *servers,
                     unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (servers[i] == server)
            return true;
    }
    return false;
}

bool weir_aim_has(const struct weir_aim *aim, const struct weir_pool_plan *plan, size_t index)
{
    return plan->members[index].backup == aim->backups &&
           !is_among(plan->servers[index], aim->avoid, aim->n_avoid) &&
           (aim->troubled || weir_server_is_well(plan->servers[index]));
}

static bool aims_at_any(const struct weir_aim *aim, const struct weir_pool_plan *plan)
{
    for (size_t i = 0; i < plan->n_servers; i++) {
        if (weir_server_is_up(plan->servers[i]) && weir_aim_has(aim, plan, i))
            return true;
    }
    return false;
}

/* In the order in which the ways are tried below. */
bool weir_aim_is_better(const struct weir_aim *a, const struct weir_aim *b)
{
    return a->troubled != b->troubled ? b->troubled : b->backups && !a->backups;
}

struct weir_aim weir_balance_aim(const struct weir_pool_plan *plan,
                                 struct weir_server *const *avoid, unsigned n_avoid)
{
    struct weir_aim aim = {.n_avoid = n_avoid};

    for (unsigned i = 0; i < n_avoid; i++)
        aim.avoid[i] = avoid[i];
    for (;;) {
        for (unsigned way = 0; way < 4; way++) {
            aim.backups = (way & 1) != 0;
            aim.troubled = (way & 2) != 0;
            if (aims_at_any(&aim, plan))
                return aim;
        }
        if (aim.n_avoid == 0)
            return aim;
        aim.n_avoid = 0;
    }
}

/* ---- The choice ---- */

/* A look at the servers. */
struct look {
    struct weir_ticket *ticket;
    uint64_t lot; /* of 100: one that returns has room for those below its share, 0 for all */
};

static bool has_room(struct weir_server *server, const struct weir_ticket *ticket)
{
    uint64_t max = ticket->plan->settings.connections_max;
    unsigned open = atomic_load(&server->shared.connections);

    return weir_server_is_up(server) &&
           (((max == 0 || open < max) &&
             !(weir_server_is_held(server) && atomic_load(&server->shared.ports_given) == 0)) ||
            atomic_load(&server->shared.idle) > 0);
}

static bool is_its_turn(const struct weir_server *server, const struct look *look)
{
    const struct weir_health *health = &server->shared.health;

    return atomic_load_explicit(&health->troubles, memory_order_relaxed) == 0 ||
           look->lot < weir_health_share(health, weir_loop_now_ms(look->ticket->upstream->loop));
}

static struct weir_candidate look_at(const void *of, size_t index)
{
    const struct look *look = of;
    struct weir_ticket *ticket = look->ticket;
    struct weir_server *server = ticket->plan->servers[index];

    return (struct weir_candidate){
        .weight = ticket->plan->members[index].weight,
        .load = weir_server_load(server),
        .has_room = weir_aim_has(&ticket->aim, ticket->plan, index) && has_room(server, ticket) &&
                    is_its_turn(server, look),
        .has_idle = server->announces
                        ? weir_principal_has_idle(ticket->principal, server)
                        : atomic_load_explicit(&server->shared.idle, memory_order_relaxed) > 0,
    };
}

/* All requests of the pool in progress, over all workers, this one included. */
static uint64_t count_requests(const struct weir_pool *pool)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < pool->n_slots; i++)
        total += weir_counter_get(&pool->slots[i].counters.requests_active);
    return total > 0 ? total : 1;
}

static ptrdiff_t choose_by_hash(const struct look *look, const struct weir_tier *tier)
{
    const struct weir_ticket *ticket = look->ticket;
    struct weir_candidates candidates = {.at = look_at, .of = look};
    const struct weir_ring *ring = &tier->ring;
    uint32_t home;
    struct weir_candidate candidate;

    if (ring->n == 0)
        return WEIR_BALANCE_MISSED;
    /* Without load it is within any bound: mostly there is nothing to add up. */
    home = ring->points[weir_ring_find(ring, ticket->key)].server;
    candidate = look_at(look, home);
    if (candidate.has_room && candidate.load == 0)
        return home;
    return weir_balance_hash(tier, candidates, ticket->key, count_requests(ticket->plan->pool));
}

/* The next in turn that has room, or n_servers. */
static size_t choose_in_turn(const struct look *look, const struct weir_tier *tier)
{
    const struct weir_pool_plan *plan = look->ticket->plan;
    size_t *turn = &plan->pool->slots[look->ticket->upstream->worker].turn;

    for (size_t i = 0; i < tier->n_round; i++) {
        uint32_t index = tier->round[(*turn)++ % tier->n_round];
        if (look_at(look, index).has_room)
            return index;
    }
    return plan->n_servers;
}

/* The least loaded of a few from TURN on in ORDER, or n_servers. With nothing to do, an idle
 * connection and all the weight there is, nobody is better: then it is the first such. */
static size_t choose_among_few(const struct look *look, const struct weir_tier *tier,
                               const uint32_t *order, size_t n_order, size_t turn)
{
    struct weir_candidate candidates[WEIR_TIER_FEW];
    size_t n = n_order < WEIR_TIER_FEW ? n_order : WEIR_TIER_FEW, chosen;

    for (size_t i = 0; i < n; i++) {
        struct weir_candidate *candidate = &candidates[i];
        uint32_t index = order[(turn + i) % n_order];
        *candidate = look_at(look, index);
        if (candidate->has_room && candidate->load == 0 && candidate->has_idle &&
            candidate->weight == tier->weight_max)
            return index;
    }
    chosen = weir_balance_least_connections(candidates, n, 0);
    return chosen < n ? order[(turn + chosen) % n_order] : look->ticket->plan->n_servers;
}

/* Among many, a few that are next in the round stand for all: heavy ones are in it more often. */
static size_t choose_by_load(const struct look *look, const struct weir_tier *tier)
{
    const struct weir_pool_plan *plan = look->ticket->plan;
    size_t turn = plan->pool->slots[look->ticket->upstream->worker].turn++;
    bool is_few = tier->n <= WEIR_TIER_FEW;
    const uint32_t *order = is_few ? tier->servers : tier->round;
    size_t n_order = is_few ? tier->n : tier->n_round, chosen = plan->n_servers;

    for (size_t i = 0; i < n_order && chosen == plan->n_servers; i += WEIR_TIER_FEW)
        chosen = choose_among_few(look, tier, order, n_order, turn + i);
    return chosen;
}

static size_t choose(const struct look *look)
{
    struct weir_ticket *ticket = look->ticket;
    const struct weir_pool_plan *plan = ticket->plan;
    const struct weir_tier *tier =
        &plan->tiers[ticket->aim.backups ? WEIR_TIER_BACKUP : WEIR_TIER_MAIN];
    struct weir_candidates candidates = {.at = look_at, .of = look};
    ptrdiff_t chosen = WEIR_BALANCE_MISSED;

    if (plan->config->balance == WEIR_BALANCE_RANDOM_TWO)
        chosen = weir_balance_random_two(tier, candidates, &ticket->upstream->random);
    else if (weir_balance_hashes(plan->config->balance))
        chosen = choose_by_hash(look, tier);
    if (chosen != WEIR_BALANCE_MISSED)
        return (size_t)chosen;
    return plan->config->balance == WEIR_BALANCE_ROUND_ROBIN ? choose_in_turn(look, tier)
                                                             : choose_by_load(look, tier);
}

struct weir_server *weir_balance_choose(struct weir_ticket *ticket)
{
    const struct weir_pool_plan *plan = ticket->plan;
    struct look look = {.ticket = ticket};
    size_t chosen;

    if (plan->n_servers == 1)
        return has_room(plan->servers[0], ticket) ? plan->servers[0] : NULL;
    look.lot = weir_random_below(&ticket->upstream->random, 100);
    chosen = choose(&look);
    if (chosen == plan->n_servers && look.lot > 0) {
        look.lot = 0;
        chosen = choose(&look);
    }
    return chosen < plan->n_servers ? plan->servers[chosen] : NULL;
}
