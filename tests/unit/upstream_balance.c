#include "weir/upstream/balance.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SERVERS_MAX = 5, PICKS = 1000 };

struct weighted {
    size_t n;
    uint64_t weights[SERVERS_MAX];
    unsigned shares[SERVERS_MAX]; /* of the picks */
    const char *order;            /* how it begins */
};

static const struct weighted weighted[] = {
    {1, {1}, {1000}, "aaaa"},
    {1, {256}, {1000}, "aaaa"},
    {2, {1, 1}, {500, 500}, "abab"},
    {3, {1, 1, 1}, {334, 333, 333}, "abcabc"},
    /* Smooth: the heavy one does not come in one run. */
    {3, {5, 1, 1}, {714, 143, 143}, "aabacaaaabacaa"},
    {2, {3, 1}, {750, 250}, "aabaaaba"},
    {2, {99, 1}, {990, 10}, "aaaa"},
    {2, {0, 1}, {0, 1000}, "bbbb"},
};

static void fill(struct weir_candidate *candidates, const struct weighted *row)
{
    memset(candidates, 0, SERVERS_MAX * sizeof(*candidates));
    for (size_t i = 0; i < row->n; i++)
        candidates[i] = (struct weir_candidate){.weight = row->weights[i], .has_room = true};
}

Test(upstream_balance, round_robin_gives_each_its_share)
{
    for (size_t r = 0; r < sizeof(weighted) / sizeof(*weighted); r++) {
        const struct weighted *row = &weighted[r];
        struct weir_candidate candidates[SERVERS_MAX];
        int64_t turns[SERVERS_MAX] = {0};
        int picks[SERVERS_MAX] = {0};

        fill(candidates, row);
        for (size_t k = 0; k < PICKS; k++) {
            size_t i = weir_balance_round_robin(candidates, row->n, turns);
            cr_assert_lt(i, row->n);
            if (k < strlen(row->order))
                cr_expect_eq('a' + (int)i, row->order[k], "row %zu, pick %zu: %zu", r, k, i);
            picks[i]++;
        }
        for (size_t i = 0; i < row->n; i++) {
            int off = picks[i] - (int)row->shares[i];
            cr_expect(off >= -1 && off <= 1, "row %zu, server %zu: %d picks", r, i, picks[i]);
        }
    }
}

/* At no time is anybody more than one turn away from what is due to it. */
Test(upstream_balance, round_robin_is_smooth_all_the_way)
{
    static const struct weighted row = {4, {7, 3, 2, 1}, {0}, ""};
    struct weir_candidate candidates[SERVERS_MAX];
    int64_t turns[SERVERS_MAX] = {0};
    double picks[SERVERS_MAX] = {0};

    fill(candidates, &row);
    for (int k = 1; k <= PICKS; k++) {
        picks[weir_balance_round_robin(candidates, row.n, turns)]++;
        for (size_t i = 0; i < row.n; i++) {
            double due = k * (double)row.weights[i] / 13;
            cr_expect(picks[i] > due - 1 && picks[i] < due + 1, "pick %d, server %zu: %f of %f", k,
                      i, picks[i], due);
        }
    }
}

Test(upstream_balance, round_robin_passes_over_who_has_no_room)
{
    static const struct weighted row = {3, {1, 1, 1}, {0}, ""};
    struct weir_candidate candidates[SERVERS_MAX];
    int64_t turns[SERVERS_MAX] = {0};
    unsigned picks[SERVERS_MAX] = {0};

    fill(candidates, &row);
    candidates[1].has_room = false;
    for (int k = 0; k < PICKS; k++)
        picks[weir_balance_round_robin(candidates, row.n, turns)]++;
    cr_expect_eq(picks[0], PICKS / 2);
    cr_expect_eq(picks[1], 0);
    cr_expect_eq(picks[2], PICKS / 2);
    /* Who comes back gets its share, not what it missed. */
    memset(picks, 0, sizeof(picks));
    candidates[1].has_room = true;
    for (int k = 0; k < 30; k++)
        picks[weir_balance_round_robin(candidates, row.n, turns)]++;
    for (size_t i = 0; i < row.n; i++)
        cr_expect_eq(picks[i], 10, "server %zu: %u", i, picks[i]);
    for (size_t i = 0; i < row.n; i++)
        candidates[i].has_room = false;
    cr_expect_eq(weir_balance_round_robin(candidates, row.n, turns), row.n);
    cr_expect_eq(weir_balance_round_robin(candidates, 0, turns), 0);
}

#define ROOM .has_room = true

struct least {
    const char *what;
    size_t n, start, chosen;
    struct weir_candidate candidates[SERVERS_MAX];
};

static const struct least least[] = {
    {"the least load", 3, 0, 1, {{1, 5, ROOM}, {1, 2, ROOM}, {1, 3, ROOM}}},
    {"wherever it starts", 3, 2, 1, {{1, 5, ROOM}, {1, 2, ROOM}, {1, 3, ROOM}}},
    {"a tie: from the start", 3, 0, 0, {{1, 2, ROOM}, {1, 2, ROOM}, {1, 2, ROOM}}},
    {"a tie: from the start, 1", 3, 1, 1, {{1, 2, ROOM}, {1, 2, ROOM}, {1, 2, ROOM}}},
    {"a tie: from the start, 2", 3, 2, 2, {{1, 2, ROOM}, {1, 2, ROOM}, {1, 2, ROOM}}},
    {"a tie: around the end", 3, 2, 0, {{1, 2, ROOM}, {1, 2, ROOM}, {1, 3, ROOM}}},
    {"a tie: the idle one", 3, 0, 2, {{1, 2, ROOM}, {1, 2, ROOM}, {1, 2, ROOM, .has_idle = true}}},
    {"idle is no reason to load more", 2, 0, 1, {{1, 3, ROOM, .has_idle = true}, {1, 2, ROOM}}},
    {"for its weight", 2, 0, 1, {{1, 2, ROOM}, {3, 5, ROOM}}},
    {"with one connection more", 2, 0, 1, {{1, 0, ROOM}, {2, 0, ROOM}}},
    {"equal with one more", 2, 0, 0, {{1, 0, ROOM}, {2, 1, ROOM}}},
    {"heavy but full", 2, 0, 0, {{1, 9, ROOM}, {100, 0, .has_room = false}}},
    {"nobody has room", 2, 0, 2, {{1, 0, .has_room = false}, {1, 0, .has_room = false}}},
    {"nobody", 0, 0, 0, {{0}}},
    {"one", 1, 5, 0, {{1, 4000000000u, ROOM}}},
    {"no overflow", 2, 0, 1, {{256, 4294967295u, ROOM}, {256, 4294967294u, ROOM}}},
};

Test(upstream_balance, least_connections_is_least_for_the_weight)
{
    for (size_t i = 0; i < sizeof(least) / sizeof(*least); i++)
        cr_expect_eq(
            weir_balance_least_connections(least[i].candidates, least[i].n, least[i].start),
            least[i].chosen, "%s", least[i].what);
}

/* Connections that are opened by it and never closed come out by weight. */
Test(upstream_balance, least_connections_gives_each_its_share)
{
    static const struct weighted row = {3, {5, 3, 2}, {0}, ""};
    struct weir_candidate candidates[SERVERS_MAX];

    fill(candidates, &row);
    for (size_t k = 0; k < PICKS; k++)
        candidates[weir_balance_least_connections(candidates, row.n, k)].load++;
    for (size_t i = 0; i < row.n; i++)
        cr_expect_eq(candidates[i].load, row.weights[i] * PICKS / 10, "%u", candidates[i].load);
}
