#include "weir/base/hash.h"
#include "weir/upstream/ring.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SERVERS_MAX = 1000, KEYS = 50000 };

static struct weir_ring_member members[SERVERS_MAX];

/* N servers of these weights in turn; who a server is does not depend on who else is there. */
static void fill(size_t n, const uint64_t *weights, size_t n_weights)
{
    for (size_t i = 0; i < n; i++)
        members[i] = (struct weir_ring_member){
            .id = weir_hash_mix(i + 1), .weight = weights[i % n_weights], .index = (uint32_t)i};
}

static void build(struct weir_ring *ring, size_t n)
{
    cr_assert(weir_ring_init(ring, members, n));
}

static uint32_t owner(const struct weir_ring *ring, uint64_t i)
{
    return ring->points[weir_ring_find(ring, weir_hash_mix(i * 7919 + 13))].server;
}

static const uint64_t even[] = {1};

Test(upstream_ring, a_key_belongs_to_the_next_point)
{
    struct weir_ring ring;

    fill(7, even, 1);
    build(&ring, 7);
    for (size_t i = 0; i < ring.n; i++) {
        struct weir_ring_point point = ring.points[i], before = ring.points[i > 0 ? i - 1 : 0];
        cr_expect_leq(before.at, point.at);
        cr_expect_eq(ring.points[weir_ring_find(&ring, (uint64_t)point.at << 32)].at, point.at);
        if (i > 0 && before.at < point.at)
            cr_expect_eq(weir_ring_find(&ring, ((uint64_t)before.at + 1) << 32), i);
    }
    cr_expect_eq(weir_ring_find(&ring, 0), 0);
    cr_expect_eq(weir_ring_find(&ring, ((uint64_t)ring.points[ring.n - 1].at << 32) + (1ull << 32)),
                 0, "behind the last comes the first");
    cr_expect_eq(weir_ring_find(&ring, UINT64_MAX), 0);
    weir_ring_fini(&ring);
    cr_expect_eq(ring.n, 0);
}

struct shares {
    const char *what;
    size_t n, n_weights;
    uint64_t weights[3];
    double off_max; /* of a server's share, relative to what is due */
};

static const struct shares shares[] = {
    {"one", 1, 1, {1}, 0},
    {"one of any weight", 1, 1, {256}, 0},
    {"two", 2, 1, {1}, 0.3},
    {"ten", 10, 1, {1}, 0.3},
    {"ten of one weight", 10, 1, {100}, 0.15},
    {"one, two, three times", 9, 3, {1, 2, 3}, 0.3},
    {"much and little", 2, 2, {256, 16}, 0.15},
};

Test(upstream_ring, shares_go_by_weight)
{
    for (size_t r = 0; r < sizeof(shares) / sizeof(*shares); r++) {
        const struct shares *row = &shares[r];
        struct weir_ring ring;
        double count[SERVERS_MAX] = {0}, sum = 0;

        fill(row->n, row->weights, row->n_weights);
        build(&ring, row->n);
        for (uint64_t i = 0; i < KEYS; i++)
            count[owner(&ring, i)]++;
        for (size_t i = 0; i < row->n; i++)
            sum += (double)members[i].weight;
        for (size_t i = 0; i < row->n; i++) {
            double due = KEYS * (double)members[i].weight / sum, off = count[i] / due - 1;
            cr_expect(off <= row->off_max && off >= -row->off_max, "%s: server %zu: %+.3f",
                      row->what, i, off);
        }
        weir_ring_fini(&ring);
    }
}

/* When a server leaves, its keys move and no others: about 1/n. The same read backwards: a server
 * that comes takes its share, and nothing else moves. */
Test(upstream_ring, only_the_keys_of_who_leaves_move)
{
    static const uint64_t mixed[] = {1, 3, 2};
    static const size_t sizes[] = {2, 3, 10, 100};

    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        size_t n = sizes[s], gone = n / 2, moved = 0;
        struct weir_ring before, after;
        double weight = 0, share;

        fill(n, mixed, 3);
        for (size_t i = 0; i < n; i++)
            weight += (double)members[i].weight;
        share = (double)members[gone].weight / weight;
        build(&before, n);
        members[gone] = members[n - 1]; /* another order, too */
        build(&after, n - 1);
        for (uint64_t i = 0; i < KEYS; i++) {
            uint32_t was = owner(&before, i), is = owner(&after, i);
            if (was == is)
                continue;
            moved++;
            cr_expect_eq(was, gone, "%zu servers: a key of server %u moved", n, was);
        }
        cr_expect(moved > KEYS * share * 0.7 && moved < KEYS * share * 1.3,
                  "%zu servers: %zu of %d keys moved, %.0f are due", n, moved, KEYS, KEYS * share);
        weir_ring_fini(&before);
        weir_ring_fini(&after);
    }
}

/* The keys of who leaves are spread over all others. */
Test(upstream_ring, who_leaves_is_replaced_by_everybody)
{
    struct weir_ring before, after;
    unsigned took[10] = {0};

    fill(10, even, 1);
    build(&before, 10);
    build(&after, 9);
    for (uint64_t i = 0; i < KEYS; i++) {
        if (owner(&before, i) == 9)
            took[owner(&after, i)]++;
    }
    for (int i = 0; i < 9; i++)
        cr_expect(took[i] > KEYS / 90 / 3 && took[i] < KEYS / 90 * 3, "server %d: %u", i, took[i]);
    weir_ring_fini(&before);
    weir_ring_fini(&after);
}

/* From one server to a thousand the directory leads next to the place. */
Test(upstream_ring, the_way_to_a_point_does_not_grow)
{
    static const uint64_t heavy[] = {256, 1};
    static const size_t sizes[] = {1, 10, 1000};

    for (size_t s = 0; s < 2 * sizeof(sizes) / sizeof(*sizes); s++) {
        struct weir_ring ring;
        size_t steps = 0, n = sizes[s / 2];

        fill(n, s % 2 ? heavy : even, s % 2 ? 2 : 1);
        build(&ring, n);
        cr_expect_leq(ring.n, 1u << 20);
        for (uint64_t i = 0; i < KEYS; i++) {
            uint64_t key = weir_hash_mix(i);
            size_t point = weir_ring_find(&ring, key);
            size_t start = ring.starts[key >> 32 >> ring.shift];
            steps += point >= start ? point - start : 0;
        }
        cr_expect_lt(steps, KEYS, "%zu servers: %zu steps for %d keys", n, steps, KEYS);
        weir_ring_fini(&ring);
    }
}

Test(upstream_ring, without_members_it_is_empty)
{
    struct weir_ring ring;

    cr_assert(weir_ring_init(&ring, NULL, 0));
    cr_expect_eq(ring.n, 0);
    weir_ring_fini(&ring);
}
