/* A ring for consistent hashing: each server has points on it, as many as its weight says, at
 * places that follow from its own name alone; a key belongs to the next point. So when a server
 * comes or goes, only the keys at its points move. Immutable once built: part of a plan.
 *
 * A directory of as many entries as there are points leads to the place: the cost of finding it
 * does not grow with the number of servers. */
#ifndef WEIR_UPSTREAM_RING_H
#define WEIR_UPSTREAM_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_ring_point {
    uint32_t at;
    uint32_t server; /* its index, as the member said */
};

struct weir_ring {
    size_t n;
    struct weir_ring_point *points; /* by place */
    uint32_t *starts; /* for each leading bits of a place: the first point from there */
    unsigned shift;   /* what is left of a place are these bits */
};

struct weir_ring_member {
    uint64_t id; /* a hash of what the server is */
    uint64_t weight;
    uint32_t index;
};

/* Builds it. Owns: what weir_ring_fini frees, also after a failure. Fails: false, out of memory. */
bool weir_ring_init(struct weir_ring *ring, const struct weir_ring_member *members, size_t n);
void weir_ring_fini(struct weir_ring *ring);

/* The point that KEY belongs to; the next ones follow it, and the first the last. N is not 0. */
size_t weir_ring_find(const struct weir_ring *ring, uint64_t key);

#endif
