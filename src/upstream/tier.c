#include "weir/upstream/tier.h"

#include "weir/base/hash.h"
#include "weir/upstream/balance.h"

#include <stdlib.h>
#include <string.h>

/* A longer round is made shorter, at the expense of how exactly weights are kept. */
enum { ROUND_MAX = 1 << 16 };

/* What a server is to a ring: the address, so that a ring is the same under another name, in
 * another order, and in another weir. */
static uint64_t identity(const struct weir_server *server)
{
    char text[WEIR_ADDRESS_TEXT_MAX];

    return weir_hash(weir_slice_from(weir_address_describe(&server->address, text)));
}

static bool make_ring(struct weir_tier *tier, struct weir_server *const *servers,
                      const struct weir_member *members)
{
    struct weir_ring_member *rows = calloc(tier->n + 1, sizeof(*rows));
    bool done;

    if (!rows)
        return false;
    for (size_t i = 0; i < tier->n; i++) {
        uint32_t index = tier->servers[i];
        rows[i] = (struct weir_ring_member){
            .id = identity(servers[index]), .weight = members[index].weight, .index = index};
    }
    done = weir_ring_init(&tier->ring, rows, tier->n);
    free(rows);
    return done;
}

/* ---- The round ---- */

/* Servers that take turns within theirs: those of one weight; where there are few, one each. */
struct group {
    uint64_t weight; /* of one of them */
    size_t first, n; /* in the order by weight */
    size_t next;
};

/* A round in the making. */
struct round {
    const struct weir_member *members;
    struct weir_tier *tier;
    uint32_t *order; /* the tier's servers, those of one weight together */
    struct group *groups;
    struct weir_candidate *candidates; /* the groups' weights in turns */
    int64_t *turns;
    size_t n_groups;
};

static uint64_t weight_of(const struct weir_member *member)
{
    return member->weight > 0 ? member->weight : 1;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b > 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int by_weight(const void *a, const void *b, void *members)
{
    uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;
    uint64_t of_p = weight_of((const struct weir_member *)members + p);
    uint64_t of_q = weight_of((const struct weir_member *)members + q);

    return of_p != of_q ? (of_p > of_q ? -1 : 1) : p < q ? -1 : p > q;
}

static void make_groups(struct round *round)
{
    const struct weir_tier *tier = round->tier;
    bool is_few = tier->n <= WEIR_TIER_FEW;

    memcpy(round->order, tier->servers, tier->n * sizeof(*round->order));
    if (!is_few)
        qsort_r(round->order, tier->n, sizeof(*round->order), by_weight, (void *)round->members);
    for (size_t i = 0; i < tier->n; i++) {
        uint64_t weight = weight_of(&round->members[round->order[i]]);
        struct group *last = round->n_groups > 0 ? &round->groups[round->n_groups - 1] : NULL;
        if (is_few || !last || last->weight != weight)
            round->groups[round->n_groups++] = (struct group){.weight = weight, .first = i, .n = 1};
        else
            last->n++;
    }
}

/* How many turns each group has in a round; returns how many that are. */
static size_t count_turns(struct round *round)
{
    uint64_t sum = 0, divisor = 0, each;
    size_t turns = 0;

    for (size_t i = 0; i < round->n_groups; i++) {
        sum += round->groups[i].weight * round->groups[i].n;
        divisor = common_divisor(round->groups[i].weight, divisor);
    }
    for (size_t i = 0; i < round->n_groups; i++) {
        each = round->groups[i].weight / divisor;
        if (sum / divisor > ROUND_MAX)
            each = round->groups[i].weight * ROUND_MAX / sum;
        each = (each > 0 ? each : 1) * round->groups[i].n;
        round->candidates[i] = (struct weir_candidate){.weight = each, .has_room = true};
        turns += each;
    }
    return turns;
}

static void take_turns(struct round *round)
{
    struct weir_tier *tier = round->tier;

    for (size_t i = 0; i < tier->n_round; i++) {
        struct group *group = &round->groups[weir_balance_round_robin(
            round->candidates, round->n_groups, round->turns)];
        tier->round[i] = round->order[group->first + group->next];
        group->next = (group->next + 1) % group->n;
    }
}

static bool make_round(struct weir_tier *tier, const struct weir_member *members)
{
    struct round round = {.members = members,
                          .tier = tier,
                          .order = calloc(tier->n + 1, sizeof(*round.order)),
                          .groups = calloc(tier->n + 1, sizeof(*round.groups)),
                          .candidates = calloc(tier->n + 1, sizeof(*round.candidates)),
                          .turns = calloc(tier->n + 1, sizeof(*round.turns))};
    bool done = false;

    if (round.order && round.groups && round.candidates && round.turns) {
        make_groups(&round);
        tier->n_round = count_turns(&round);
        tier->round = tier->n_round == tier->n ? tier->servers
                                               : calloc(tier->n_round + 1, sizeof(*tier->round));
        done = tier->round != NULL;
    }
    if (done && tier->round != tier->servers)
        take_turns(&round);
    free(round.order);
    free(round.groups);
    free(round.candidates);
    free(round.turns);
    return done;
}

/* Servers of one weight take turns as they stand. */
static bool is_even(const struct weir_tier *tier)
{
    return tier->weight == tier->weight_max * tier->n;
}

static size_t count(const struct weir_member *members, size_t n, bool backups)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += members[i].backup == backups;
    return found;
}

bool weir_tier_init(struct weir_tier *tier, struct weir_server *const *servers,
                    const struct weir_member *members, size_t n, bool backups, bool is_hashed)
{
    size_t n_own = count(members, n, backups);

    *tier = (struct weir_tier){.n = 0};
    if (n_own == 0)
        return true;
    tier->servers = calloc(n_own, sizeof(*tier->servers));
    tier->sums = calloc(n_own, sizeof(*tier->sums));
    if (!tier->servers || !tier->sums)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (members[i].backup != backups)
            continue;
        tier->weight += members[i].weight;
        if (members[i].weight > tier->weight_max)
            tier->weight_max = members[i].weight;
        tier->servers[tier->n] = (uint32_t)i;
        tier->sums[tier->n++] = tier->weight;
    }
    tier->round = tier->servers;
    tier->n_round = tier->n;
    return (is_even(tier) || make_round(tier, members)) &&
           (!is_hashed || make_ring(tier, servers, members));
}

void weir_tier_fini(struct weir_tier *tier)
{
    if (tier->round != tier->servers)
        free(tier->round);
    free(tier->servers);
    free(tier->sums);
    weir_ring_fini(&tier->ring);
    *tier = (struct weir_tier){.n = 0};
}

size_t weir_tier_find(const struct weir_tier *tier, uint64_t at)
{
    size_t low = 0, high = tier->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tier->sums[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
