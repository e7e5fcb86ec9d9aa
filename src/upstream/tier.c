#include "weir/upstream/tier.h"

#include "weir/base/hash.h"

#include <stdlib.h>

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

bool weir_tier_init(struct weir_tier *tier, struct weir_server *const *servers,
                    const struct weir_member *members, size_t n, bool backups, bool is_hashed)
{
    *tier = (struct weir_tier){.servers = calloc(n + 1, sizeof(*tier->servers)),
                               .sums = calloc(n + 1, sizeof(*tier->sums))};
    if (!tier->servers || !tier->sums)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (members[i].backup != backups)
            continue;
        tier->weight += members[i].weight;
        tier->servers[tier->n] = (uint32_t)i;
        tier->sums[tier->n++] = tier->weight;
    }
    return !is_hashed || make_ring(tier, servers, members);
}

void weir_tier_fini(struct weir_tier *tier)
{
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
