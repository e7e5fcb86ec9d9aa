#include "weir/upstream/pace.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

/* One is missing, and nothing stands against opening it. */
#define MISSING                                                                                    \
    .is_usable = true, .idle_min = 4, .connections_max = 10, .connections = 5, .idle = 2,          \
    .opening = 1, .idle_here = 0, .n_workers = 2

struct wants_row {
    const char *why;
    struct weir_pace_facts facts;
    bool wants;
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static struct wants_row wants[] = {
    {"one is missing", {MISSING}, true},
    {"none are wanted", {MISSING, .idle_min = 0}, false},
    {"the server can't be used", {MISSING, .is_usable = false}, false},
    {"requests wait", {MISSING, .has_waiters = true}, false},
    {"enough are idle", {MISSING, .idle = 4, .opening = 0}, false},
    {"more than enough are idle", {MISSING, .idle = 9, .opening = 0}, false},
    {"what is missing is on its way", {MISSING, .idle = 3, .opening = 1}, false},
    {"one place is left", {MISSING, .connections = 9}, true},
    {"no place is left", {MISSING, .connections = 10}, false},
    {"the limit was lowered", {MISSING, .connections = 11}, false},
    {"there is no limit", {MISSING, .connections_max = 0, .connections = 1000000}, true},
    {"four at once", {MISSING, .idle_min = 100, .opening = 3}, true},
    {"but no more", {MISSING, .idle_min = 100, .opening = 4}, false},
    {"after a failure one alone", {MISSING, .opening = 1, .failed = 1}, false},
    {"and that one", {MISSING, .opening = 0, .failed = 9}, true},
    {"this worker has its share", {MISSING, .idle_here = 1}, true},
    {"this worker has more than its share", {MISSING, .idle_here = 2}, false},
    {"it is the only worker", {MISSING, .idle_here = 2, .n_workers = 1}, true},
};
#pragma GCC diagnostic pop

ParameterizedTestParameters(upstream_pace, wants)
{
    return cr_make_param_array(struct wants_row, wants, sizeof(wants) / sizeof(*wants));
}

ParameterizedTest(struct wants_row *row, upstream_pace, wants)
{
    cr_expect_eq(weir_pace_wants(&row->facts), row->wants, "%s", row->why);
}

/* However the idle ones are spread, somebody opens the next. */
Test(upstream_pace, one_of_the_workers_is_told)
{
    for (unsigned a = 0; a < 5; a++) {
        for (unsigned b = 0; b < 5; b++) {
            for (unsigned c = 0; c < 5; c++) {
                unsigned here[] = {a, b, c}, told = 0;
                for (unsigned i = 0; i < 3; i++) {
                    struct weir_pace_facts facts = {.is_usable = true,
                                                    .idle_min = 20,
                                                    .idle = a + b + c,
                                                    .connections = a + b + c,
                                                    .idle_here = here[i],
                                                    .n_workers = 3};
                    told += weir_pace_wants(&facts);
                }
                cr_expect_geq(told, 1, "%u, %u, %u", a, b, c);
            }
        }
    }
}

struct pause_row {
    unsigned setbacks;
    uint64_t low_ms, high_ms;
};

static struct pause_row pauses[] = {
    {0, 50, 100},       {1, 75, 100},       {2, 150, 200},
    {3, 300, 400},      {6, 2400, 3200},    {9, 19200, 25600},
    {10, 22500, 30000}, {11, 22500, 30000}, {4294967295, 22500, 30000},
};

ParameterizedTestParameters(upstream_pace, pauses)
{
    return cr_make_param_array(struct pause_row, pauses, sizeof(pauses) / sizeof(*pauses));
}

ParameterizedTest(struct pause_row *row, upstream_pace, pauses)
{
    uint64_t low_ms = UINT64_MAX, high_ms = 0;

    for (uint32_t random = 0; random < 10000; random++) {
        uint64_t pause_ms = weir_pace_pause_ms(row->setbacks, random);
        low_ms = pause_ms < low_ms ? pause_ms : low_ms;
        high_ms = pause_ms > high_ms ? pause_ms : high_ms;
    }
    cr_expect_eq(low_ms, row->low_ms, "at least %llu ms", (unsigned long long)low_ms);
    cr_expect_eq(high_ms, row->high_ms, "at most %llu ms", (unsigned long long)high_ms);
}

Test(upstream_pace, one_turn_at_a_time)
{
    struct weir_pace pace = {.next_ms = 0};

    cr_expect(weir_pace_claim(&pace, 1000, 0));
    cr_expect_not(weir_pace_claim(&pace, 1000, 0));
    cr_expect_not(weir_pace_claim(&pace, 1099, 0));
    cr_expect(weir_pace_claim(&pace, 1100, 0));
}

/* Of a server that is down, attempts in the first ten minutes are few. */
Test(upstream_pace, an_outage_is_waited_out)
{
    struct weir_pace pace = {.next_ms = 0};
    unsigned attempts = 0, told = 0;

    for (uint64_t now_ms = 1000; now_ms < 601000; now_ms += 10) {
        if (!weir_pace_claim(&pace, now_ms, 0))
            continue;
        attempts++;
        told += weir_pace_failed(&pace, now_ms + 1, 0);
    }
    cr_expect_eq(told, 1);
    cr_expect(attempts >= 25 && attempts <= 30, "%u attempts", attempts);

    cr_expect(weir_pace_connected(&pace, 700000));
    cr_expect_not(weir_pace_connected(&pace, 700000));
    cr_expect(weir_pace_claim(&pace, 700000, 0));
    cr_expect_eq(atomic_load(&pace.next_ms), 700100);
}

/* What was under way as the server went down is no setback of its own. */
Test(upstream_pace, failures_of_one_moment_are_one)
{
    struct weir_pace pace = {.next_ms = 0};

    for (uint64_t i = 0; i < 50; i++)
        (void)weir_pace_failed(&pace, 1000 + i, 0);
    cr_expect_eq(atomic_load(&pace.failed), 1);
    cr_expect_eq(atomic_load(&pace.next_ms), 1100);
}

/* A server that takes connections and ends them at once is not run after either: that one connects
 * is no reason to go on. */
Test(upstream_pace, a_server_that_ends_them_soon_is_let_alone)
{
    struct weir_pace pace = {.next_ms = 0};
    unsigned attempts = 0;

    for (uint64_t now_ms = 1000; now_ms < 61000; now_ms += 10) {
        if (!weir_pace_claim(&pace, now_ms, 0))
            continue;
        attempts++;
        (void)weir_pace_connected(&pace, now_ms + 1);
        weir_pace_unused(&pace, 2, now_ms + 3, 0);
    }
    cr_expect_leq(attempts, 11, "%u attempts", attempts);

    weir_pace_used(&pace);
    cr_expect_eq(atomic_load(&pace.wasted), 0);
}

Test(upstream_pace, a_server_that_ends_them_late_is_not)
{
    struct weir_pace pace = {.wasted = 3};

    weir_pace_unused(&pace, 5000, 100000, 0);
    cr_expect_eq(atomic_load(&pace.wasted), 0);
    cr_expect(weir_pace_claim(&pace, 100000, 0));
    cr_expect_eq(atomic_load(&pace.next_ms), 100100);
}
