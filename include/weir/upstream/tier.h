/* The servers of a pool that are no backups, or those that are, made ready for choices whose cost
 * does not grow with their number. Immutable once built: part of a plan. */
#ifndef WEIR_UPSTREAM_TIER_H
#define WEIR_UPSTREAM_TIER_H

#include "weir/config/config.h"
#include "weir/upstream/ring.h"
#include "weir/upstream/server.h"

enum { WEIR_TIER_MAIN, WEIR_TIER_BACKUP, WEIR_TIER_COUNT };

/* What a plan says of one of its servers. */
struct weir_member {
    uint64_t weight;
    bool backup;
    const struct weir_config_server *named; /* by which it is one of many; NULL: by its address */
};

struct weir_tier {
    size_t n;                    /* 0: it has nothing else either */
    uint64_t weight, weight_max; /* of all together, of the heaviest */
    uint32_t *servers;           /* their indices in the pool */
    uint64_t *sums;              /* the weights up to each of them, itself included */
    size_t n_round;
    uint32_t *round;       /* indices in the pool too, in the order of turns by weight; where all
                              have one weight it is `servers` */
    struct weir_ring ring; /* empty unless the method hashes */
};

/* So few servers are each looked at for a choice. */
enum { WEIR_TIER_FEW = 16 };

/* Builds it from those of the N SERVERS, of which MEMBERS tell, that are (or are not) backups, with
 * a ring if it is IS_HASHED. Owns: what weir_tier_fini frees, also after a failure.
 * Fails: false, out of memory. */
bool weir_tier_init(struct weir_tier *tier, struct weir_server *const *servers,
                    const struct weir_member *members, size_t n, bool backups, bool is_hashed);
void weir_tier_fini(struct weir_tier *tier);

/* Which of them weight number AT falls on; AT is below `weight`. */
size_t weir_tier_find(const struct weir_tier *tier, uint64_t at);

static inline bool weir_balance_hashes(enum weir_balance balance)
{
    return balance == WEIR_BALANCE_HASH_SOURCE || balance == WEIR_BALANCE_HASH_HOST ||
           balance == WEIR_BALANCE_HASH_PATH;
}

#endif
