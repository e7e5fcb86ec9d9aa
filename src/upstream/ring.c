#include "weir/upstream/ring.h"

#include "weir/base/hash.h"

#include <stdlib.h>

/* With 160 points the shares of servers of one weight differ by 8 % (standard deviation). Above
 * POINTS_MAX all get half as many, and half again: whole steps, so that a pool near the limit does
 * not reshuffle at every change. */
enum { POINTS_A_WEIGHT = 160, POINTS_MAX = 1 << 20, PLACE_BITS = 32 };

static int by_place(const void *a, const void *b)
{
    const struct weir_ring_point *p = a, *q = b;

    if (p->at != q->at)
        return p->at < q->at ? -1 : 1;
    return p->server < q->server ? -1 : p->server > q->server;
}

static uint64_t points_a_weight(const struct weir_ring_member *members, size_t n)
{
    uint64_t sum = 0, points = POINTS_A_WEIGHT;

    for (size_t i = 0; i < n; i++)
        sum += members[i].weight;
    while (points > 1 && points * sum > POINTS_MAX)
        points /= 2;
    return points;
}

static size_t count_points(const struct weir_ring_member *members, size_t n, uint64_t each)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += members[i].weight * each;
    return count;
}

static void place(struct weir_ring *ring, const struct weir_ring_member *members, size_t n,
                  uint64_t each)
{
    struct weir_ring_point *point = ring->points;

    for (size_t i = 0; i < n; i++) {
        for (uint64_t k = 0; k < members[i].weight * each; k++, point++) {
            uint64_t hash = weir_hash_mix(members[i].id + (k + 1) * 0x9e3779b97f4a7c15ull);
            *point = (struct weir_ring_point){.at = (uint32_t)(hash >> PLACE_BITS),
                                              .server = members[i].index};
        }
    }
    qsort(ring->points, ring->n, sizeof(*ring->points), by_place);
}

static void index_points(struct weir_ring *ring, size_t n_starts)
{
    size_t point = 0;

    for (size_t i = 0; i < n_starts; i++) {
        while (point < ring->n && (uint64_t)ring->points[point].at >> ring->shift < i)
            point++;
        ring->starts[i] = (uint32_t)point;
    }
}

bool weir_ring_init(struct weir_ring *ring, const struct weir_ring_member *members, size_t n)
{
    uint64_t each = points_a_weight(members, n);
    size_t n_starts = 1;

    *ring = (struct weir_ring){.n = count_points(members, n, each), .shift = PLACE_BITS};
    while (n_starts < ring->n) {
        n_starts *= 2;
        ring->shift--;
    }
    ring->points = calloc(ring->n + 1, sizeof(*ring->points));
    ring->starts = calloc(n_starts, sizeof(*ring->starts));
    if (!ring->points || !ring->starts)
        return false;
    place(ring, members, n, each);
    index_points(ring, n_starts);
    return true;
}

void weir_ring_fini(struct weir_ring *ring)
{
    free(ring->points);
    free(ring->starts);
    *ring = (struct weir_ring){.n = 0};
}

size_t weir_ring_find(const struct weir_ring *ring, uint64_t key)
{
    uint64_t at = key >> PLACE_BITS;
    size_t point = ring->starts[at >> ring->shift];

    while (point < ring->n && ring->points[point].at < at)
        point++;
    return point < ring->n ? point : 0;
}
