/* The methods whose cost does not grow with the number of servers, and the choice as a whole, with
 * plans that are made of configurations. */
#include "weir/base/hash.h"
#include "weir/base/random.h"
#include "weir/upstream/balance.h"
#include "weir/upstream/registry.h"
#include "weir/upstream/upconn.h"

#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVERS_MAX = 1000, PICKS = 20000, NONE = -1 };

static struct weir_config *config;
static struct weir_registry *registry;
static struct weir_pool_plan plan;
static struct weir_upstream upstream = {.random = 2463534242u};
static struct weir_candidate candidates[SERVERS_MAX];
static unsigned looks;

/* A plan of the pool with these servers (YAML) and this method. */
static void make_plan(const char *servers, const char *method)
{
    char *text = NULL, *errors = NULL, fault[256] = "";

    cr_assert_gt(asprintf(&text,
                          "listeners: {w: {listen: \":80\", pool: p}}\n"
                          "pools: {p: {servers: %s, balance: %s}}\n",
                          servers, method),
                 0);
    config = config_text_load(text, &errors);
    cr_assert_not_null(config, "%s", errors);
    registry = weir_registry_create(2);
    cr_assert(weir_registry_plan(registry, config, NULL, &plan, fault, sizeof(fault)), "%s", fault);
    free(text);
    free(errors);
}

static void drop_plan(void)
{
    weir_pool_plan_fini(&plan);
    weir_registry_destroy(registry);
    weir_config_unref(config);
}

/* A plan of N servers of one weight, or of weight and 1 in turn. */
static void make_plan_of(size_t n, unsigned weight, const char *method)
{
    size_t size = n * 64 + 8, len = 0;
    char *yaml = malloc(size);

    cr_assert_not_null(yaml);
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(yaml + len, size - len,
                                "%s{address: \"127.0.%zu.%zu:80\", weight: %u}", i > 0 ? ", " : "[",
                                i / 250, i % 250 + 1, i % 2 ? 1 : weight);
    strcpy(yaml + len, "]");
    make_plan(yaml, method);
    free(yaml);
    for (size_t i = 0; i < n; i++)
        candidates[i] = (struct weir_candidate){.weight = plan.members[i].weight, .has_room = true};
}

static struct weir_candidate at(const void *of, size_t index)
{
    looks++;
    return ((const struct weir_candidate *)of)[index];
}

static const struct weir_candidates view = {.at = at, .of = candidates};

static const struct weir_tier *main_tier(void)
{
    return &plan.tiers[WEIR_TIER_MAIN];
}

/* ---- random_two ---- */

Test(upstream_balance_methods, random_two_draws_by_weight)
{
    unsigned picks[4] = {0};

    make_plan_of(4, 3, "random_two");
    for (int i = 0; i < PICKS; i++) {
        for (int k = 0; k < 4; k++)
            candidates[k].load = 1000 * (unsigned)candidates[k].weight - 1;
        picks[weir_balance_random_two(main_tier(), view, &upstream.random)]++;
    }
    /* Where the load goes by weight the first draw decides: 3, 1, 3, 1 of 8. */
    for (int i = 0; i < 4; i++) {
        double due = PICKS * (double)candidates[i].weight / 8;
        cr_expect(picks[i] > due * 0.93 && picks[i] < due * 1.07, "server %d: %u of %f", i,
                  picks[i], due);
    }
    drop_plan();
}

Test(upstream_balance_methods, random_two_takes_the_less_loaded_for_its_weight)
{
    unsigned picks[3] = {0};

    make_plan("[{address: \"127.0.0.1:1\"}, {address: \"127.0.0.1:2\", weight: 4}, "
              "{address: \"127.0.0.1:3\"}]",
              "random_two");
    candidates[0] = (struct weir_candidate){.weight = 1, .load = 2, .has_room = true};
    candidates[1] = (struct weir_candidate){.weight = 4, .load = 6, .has_room = true};
    candidates[2] = (struct weir_candidate){.weight = 1, .load = 9, .has_room = true};
    for (int i = 0; i < PICKS; i++)
        picks[weir_balance_random_two(main_tier(), view, &upstream.random)]++;
    cr_expect_eq(picks[2], 0, "the most loaded is never the better of two different ones");
    /* 0 wins only against 2: 1/6 * 1/5 + 1/6 * 1/5. */
    cr_expect(picks[0] > PICKS / 15 * 0.85 && picks[0] < PICKS / 15 * 1.15, "%u", picks[0]);
    /* A tie: the one with an idle connection, whichever was drawn first. */
    for (int i = 0; i < 3; i++)
        candidates[i] = (struct weir_candidate){.weight = candidates[i].weight, .has_room = i != 1};
    candidates[2].has_idle = true;
    memset(picks, 0, sizeof(picks));
    for (int i = 0; i < PICKS; i++) {
        ptrdiff_t picked = weir_balance_random_two(main_tier(), view, &upstream.random);
        if (picked != WEIR_BALANCE_MISSED)
            picks[picked]++;
    }
    cr_expect_eq(picks[1], 0, "no room");
    cr_expect_gt(picks[2], picks[0]);
    drop_plan();
}

Test(upstream_balance_methods, random_two_among_one_and_none)
{
    make_plan_of(1, 1, "random_two");
    cr_expect_eq(weir_balance_random_two(main_tier(), view, &upstream.random), 0);
    candidates[0].has_room = false;
    cr_expect_eq(weir_balance_random_two(main_tier(), view, &upstream.random), WEIR_BALANCE_MISSED);
    cr_expect_eq(weir_balance_random_two(&plan.tiers[WEIR_TIER_BACKUP], view, &upstream.random),
                 WEIR_BALANCE_MISSED);
    drop_plan();
}

/* Twenty balls a bin, never taken out: the fullest is hardly above the mean, where one draw alone
 * would be off by fifteen. */
Test(upstream_balance_methods, random_two_levels_the_load)
{
    unsigned most = 0;

    make_plan_of(SERVERS_MAX, 1, "random_two");
    for (int i = 0; i < PICKS; i++)
        candidates[weir_balance_random_two(main_tier(), view, &upstream.random)].load++;
    for (int i = 0; i < SERVERS_MAX; i++)
        most = candidates[i].load > most ? candidates[i].load : most;
    cr_expect_leq(most, 25, "%u", most);
    cr_expect_leq(looks, 2 * PICKS, "two looks a choice, among a thousand servers");
    drop_plan();
}

/* ---- hash ---- */

static const struct {
    uint64_t total, weight, all, bound;
} bounds[] = {
    {1, 1, 1, 2},   {1, 1, 10, 1},   {4, 1, 4, 2},    {8, 1, 4, 3}, {16, 1, 4, 5},
    {80, 1, 8, 13}, {100, 3, 4, 94}, {100, 1, 4, 32}, {0, 1, 4, 0}, {5, 1, 0, 0},
};

Test(upstream_balance_methods, the_bound_is_five_quarters_of_a_share)
{
    for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++)
        cr_expect_eq(weir_balance_bound(bounds[i].total, bounds[i].weight, bounds[i].all),
                     bounds[i].bound, "row %zu", i);
}

Test(upstream_balance_methods, hash_keeps_a_key_where_it_is)
{
    make_plan_of(10, 1, "hash_path");
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t key = weir_hash_mix(i);
        ptrdiff_t home = weir_balance_hash(main_tier(), view, key, 1);
        cr_assert_geq(home, 0);
        cr_expect_eq(weir_balance_hash(main_tier(), view, key, 1000), home);
        /* Loads of others, and idle connections, change nothing. */
        candidates[(home + 1) % 10].load = 50;
        candidates[(home + 2) % 10].has_idle = true;
        cr_expect_eq(weir_balance_hash(main_tier(), view, key, 1000), home);
        candidates[(home + 1) % 10].load = 0;
    }
    drop_plan();
}

Test(upstream_balance_methods, hash_goes_on_when_there_is_no_room_or_too_much_load)
{
    make_plan_of(10, 1, "hash_path");
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t key = weir_hash_mix(i);
        ptrdiff_t home = weir_balance_hash(main_tier(), view, key, 80), next;
        /* Eighty requests, ten servers: at most ten each. */
        candidates[home].load = 9;
        cr_expect_eq(weir_balance_hash(main_tier(), view, key, 80), home);
        candidates[home].load = 10;
        next = weir_balance_hash(main_tier(), view, key, 80);
        cr_expect(next != home && next != WEIR_BALANCE_MISSED);
        candidates[home].load = 0;
        candidates[home].has_room = false;
        cr_expect_eq(weir_balance_hash(main_tier(), view, key, 80), next, "the same next one");
        candidates[home].has_room = true;
    }
    for (int i = 0; i < 10; i++)
        candidates[i].has_room = false;
    cr_expect_eq(weir_balance_hash(main_tier(), view, 1, 80), WEIR_BALANCE_MISSED);
    drop_plan();
}

/* One key for all: the load spreads as far as it must, by weight, and no server is over its bound.
 */
Test(upstream_balance_methods, one_hot_key_does_not_drown_its_server)
{
    enum { SERVERS = 20, LOAD = 400 };

    make_plan_of(SERVERS, 3, "hash_host");
    for (uint64_t total = 1; total <= LOAD; total++) {
        ptrdiff_t chosen = weir_balance_hash(main_tier(), view, 42, total);
        /* Where a few steps met nobody, balance.c goes by load. */
        if (chosen == WEIR_BALANCE_MISSED)
            chosen = (ptrdiff_t)weir_balance_least_connections(candidates, SERVERS, 0);
        candidates[chosen].load++;
    }
    for (int i = 0; i < SERVERS; i++)
        cr_expect_leq(candidates[i].load, weir_balance_bound(LOAD, candidates[i].weight, 40),
                      "server %d: %u", i, candidates[i].load);
    drop_plan();
}

/* From one server to a thousand: as many looks, and few. */
Test(upstream_balance_methods, the_cost_of_a_choice_does_not_grow)
{
    static const size_t sizes[] = {1, 10, 100, 1000};

    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        make_plan_of(sizes[s], 1, "hash_path");
        looks = 0;
        for (uint64_t i = 0; i < 1000; i++)
            cr_expect_neq(weir_balance_hash(main_tier(), view, weir_hash_mix(i), 1), NONE);
        cr_expect_eq(looks, 1000, "%zu servers", sizes[s]);
        for (size_t i = 0; i < sizes[s]; i++)
            candidates[i].has_room = false;
        looks = 0;
        (void)weir_balance_hash(main_tier(), view, 1, 1);
        cr_expect_leq(looks, 32);
        drop_plan();
    }
}

/* ---- The choice ---- */

#define MAIN(port) "{address: \"127.0.0.1:" #port "\"}"
#define BACKUP(port) "{address: \"127.0.0.1:" #port "\", backup: true}"

static const char *const methods[] = {"round_robin", "least_connections", "random_two",
                                      "hash_source", "hash_host",         "hash_path"};

/* Returns the chosen one's index, or NONE. */
static int choose(uint64_t key, const char *avoided)
{
    struct weir_ticket ticket = {.upstream = &upstream, .plan = &plan, .key = key};
    struct weir_server *chosen;

    for (const char *c = avoided; *c; c++)
        ticket.avoid[ticket.n_avoid++] = plan.servers[*c - '0'];
    ticket.aim = weir_balance_aim(&plan, ticket.avoid, ticket.n_avoid);
    chosen = weir_balance_choose(&ticket);
    for (size_t i = 0; i < plan.n_servers; i++) {
        if (plan.servers[i] == chosen)
            return (int)i;
    }
    cr_assert_null(chosen);
    return NONE;
}

static void take(int server, unsigned count)
{
    bool has_port;

    for (unsigned i = 0; i < count; i++)
        cr_assert(weir_server_reserve(plan.servers[server], 0, &has_port));
}

static void give(int server, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        weir_server_unreserve(plan.servers[server]);
}

Test(upstream_balance_methods, every_method_keeps_to_the_aim)
{
    for (size_t m = 0; m < sizeof(methods) / sizeof(*methods); m++) {
        make_plan("[" MAIN(1) ", " BACKUP(2) ", " MAIN(3) ", " BACKUP(4) "]", methods[m]);
        unsigned seen = 0;
        for (uint64_t i = 0; i < 200; i++)
            seen |= 1u << choose(weir_hash_mix(i), "");
        cr_expect_eq(seen, 1u << 0 | 1u << 2, "%s: %x", methods[m], seen);
        for (uint64_t i = seen = 0; i < 200; i++)
            seen |= 1u << choose(weir_hash_mix(i), "02");
        cr_expect_eq(seen, 1u << 1 | 1u << 3, "%s: %x", methods[m], seen);
        for (uint64_t i = 0; i < 50; i++) {
            cr_expect_eq(choose(weir_hash_mix(i), "0"), 2, "%s", methods[m]);
            cr_expect_eq(choose(weir_hash_mix(i), "023"), 1, "%s", methods[m]);
        }
        drop_plan();
    }
}

/* Who is full keeps its requests waiting; no backup steps in, nor a server that failed. */
Test(upstream_balance_methods, room_does_not_change_the_aim)
{
    for (size_t m = 0; m < sizeof(methods) / sizeof(*methods); m++) {
        make_plan("[" MAIN(1) ", " MAIN(2) ", " BACKUP(3) "]", methods[m]);
        take(0, 256);
        for (uint64_t i = 0; i < 50; i++)
            cr_expect_eq(choose(weir_hash_mix(i), ""), 1, "%s", methods[m]);
        cr_expect_eq(choose(7, "1"), NONE, "%s", methods[m]);
        take(1, 256);
        cr_expect_eq(choose(7, ""), NONE, "%s", methods[m]);
        cr_expect_eq(choose(7, "01"), 2, "%s", methods[m]);
        take(2, 256);
        give(1, 1);
        cr_expect_eq(choose(7, "01"), NONE, "%s", methods[m]);
        give(0, 256);
        give(1, 255);
        give(2, 256);
        drop_plan();
    }
}

/* Load is what is in use over all workers, and requests in progress are those of all workers. */
Test(upstream_balance_methods, hash_goes_by_the_load_over_all_workers)
{
    make_plan_of(10, 1, "hash_host");
    int home = choose(42, ""), next;

    take(home, 2);
    weir_count(&plan.pool->slots[0].counters.requests_active, 1);
    next = choose(42, "");
    cr_expect_neq(next, home, "two in use, of three requests among ten");
    weir_count(&plan.pool->slots[1].counters.requests_active, 19);
    cr_expect_eq(choose(42, ""), home, "twenty requests: three each are in bounds");
    take(home, 1);
    cr_expect_eq(choose(42, ""), next);
    give(home, 3);
    cr_expect_eq(choose(42, ""), home);
    drop_plan();
}

/* The ring follows from the addresses alone: not from their order, nor from who else is there. */
Test(upstream_balance_methods, the_order_of_servers_does_not_matter)
{
    char homes[200];

    make_plan("[" MAIN(1) ", " MAIN(2) ", " MAIN(3) ", " BACKUP(4) "]", "hash_path");
    for (uint64_t i = 0; i < sizeof(homes); i++)
        homes[i] = (char)choose(weir_hash_mix(i), "");
    drop_plan();
    make_plan("[" MAIN(3) ", " MAIN(2) ", " MAIN(1) "]", "hash_path");
    for (uint64_t i = 0; i < sizeof(homes); i++)
        cr_expect_eq(choose(weir_hash_mix(i), ""), 2 - homes[i]);
    drop_plan();
    make_plan("[" MAIN(1) ", " MAIN(2) "]", "hash_path");
    for (uint64_t i = 0; i < sizeof(homes); i++) {
        if (homes[i] < 2)
            cr_expect_eq(choose(weir_hash_mix(i), ""), homes[i]);
    }
    drop_plan();
}

/* ---- Many servers: a few that are next in the round stand for all ---- */

/* In a round each has its weight in turns, so that who goes around it gives each its share. */
Test(upstream_balance_methods, round_robin_among_many_gives_each_its_share)
{
    enum { SERVERS = 200, ROUND = 100 * 3 + 100 };
    int picks[SERVERS] = {0};

    make_plan_of(SERVERS, 3, "round_robin");
    cr_expect_eq(main_tier()->n_round, ROUND);
    for (int i = 0; i < 5 * ROUND; i++)
        picks[choose(0, "")]++;
    for (int i = 0; i < SERVERS; i++)
        cr_expect_eq(picks[i], i % 2 ? 5 : 15, "server %d: %d", i, picks[i]);
    drop_plan();
}

/* At no time has anybody been passed over for long. */
Test(upstream_balance_methods, round_robin_among_many_is_smooth)
{
    enum { SERVERS = 200, ROUND = 100 * 3 + 100 };
    int last[SERVERS] = {0};

    make_plan_of(SERVERS, 3, "round_robin");
    for (int i = 1; i <= 3 * ROUND; i++) {
        int chosen = choose(0, "");
        int due = chosen % 2 ? ROUND : ROUND / 3;
        cr_expect_leq(i - last[chosen], due + due / 4 + 2, "pick %d: %d", i, chosen);
        last[chosen] = i;
    }
    drop_plan();
}

/* The same weight everywhere needs no round of its own, whatever it is. */
Test(upstream_balance_methods, one_weight_is_a_round_of_all)
{
    make_plan("[{address: \"127.0.0.1:1\", weight: 7}, {address: \"127.0.0.1:2\", weight: 7}]",
              "round_robin");
    cr_expect_eq(main_tier()->n_round, 2);
    cr_expect_eq(main_tier()->round, main_tier()->servers);
    cr_expect_eq(choose(0, ""), 0);
    cr_expect_eq(choose(0, ""), 1);
    cr_expect_eq(choose(0, ""), 0);
    drop_plan();
}

/* Weights that would make too long a round are rounded; nobody is left out. */
Test(upstream_balance_methods, a_round_has_its_limit)
{
    bool seen[SERVERS_MAX] = {false};

    make_plan_of(SERVERS_MAX, 256, "round_robin");
    cr_expect_leq(main_tier()->n_round, (1 << 16) + SERVERS_MAX);
    for (size_t i = 0; i < main_tier()->n_round; i++)
        seen[main_tier()->round[i]] = true;
    for (int i = 0; i < SERVERS_MAX; i++)
        cr_expect(seen[i], "server %d", i);
    drop_plan();
}

/* Load goes where there is least of it, though nobody looks at all of them. */
Test(upstream_balance_methods, least_connections_among_many_stays_level)
{
    enum { LEVEL = 5 };

    make_plan_of(SERVERS_MAX, 1, "least_connections");
    for (int i = 0; i < LEVEL * SERVERS_MAX; i++)
        take(choose(0, ""), 1);
    for (int i = 0; i < SERVERS_MAX; i++) {
        unsigned load = weir_server_load(plan.servers[i]);
        cr_expect(load >= LEVEL - 1 && load <= LEVEL + 1, "server %d: %u", i, load);
        give(i, load);
    }
    drop_plan();
}

/* Only one has room, wherever it stands: it is found. */
Test(upstream_balance_methods, the_one_of_many_that_has_room_is_found)
{
    static const char *const by_turn[] = {"round_robin", "least_connections", "random_two"};

    for (size_t m = 0; m < sizeof(by_turn) / sizeof(*by_turn); m++) {
        make_plan_of(100, 1, by_turn[m]);
        for (int i = 0; i < 100; i++)
            take(i, i == 61 ? 255 : 256);
        for (int i = 0; i < 20; i++)
            cr_expect_eq(choose(0, ""), 61, "%s", by_turn[m]);
        take(61, 1);
        cr_expect_eq(choose(0, ""), NONE, "%s", by_turn[m]);
        for (int i = 0; i < 100; i++)
            give(i, 256);
        drop_plan();
    }
}
