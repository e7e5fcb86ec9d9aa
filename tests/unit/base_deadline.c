#include "weir/base/deadline.h"

#include <criterion/criterion.h>
#include <signal.h>

enum { MANY = 100 };

static struct weir_deadlines deadlines;
static struct weir_deadline waits[MANY];
static int expired[2 * MANY], n_expired; /* which, in the order in which they did */

static void on_expire(struct weir_deadline *deadline)
{
    cr_expect_null(deadline->list, "cancelled before its call");
    expired[n_expired++] = (int)(deadline - waits);
}

static void setup(void)
{
    weir_deadlines_init(&deadlines);
    for (int i = 0; i < MANY; i++)
        waits[i] = (struct weir_deadline){.on_expire = on_expire};
    n_expired = 0;
}

static void teardown(void)
{
    for (int i = 0; i < MANY; i++)
        weir_deadline_cancel(&waits[i]);
    weir_deadlines_fini(&deadlines);
}

TestSuite(base_deadline, .init = setup, .fini = teardown);

static void set(int i, uint64_t now_ms, uint64_t after_ms)
{
    cr_assert(weir_deadline_set(&deadlines, &waits[i], now_ms, after_ms));
}

static void expect_expired(uint64_t now_ms, int n, const int *which)
{
    n_expired = 0;
    weir_deadlines_run(&deadlines, now_ms);
    cr_expect_eq(n_expired, n, "at %d: %d", (int)now_ms, n_expired);
    for (int i = 0; i < n && i < n_expired; i++)
        cr_expect_eq(expired[i], which[i], "at %d: number %d is %d", (int)now_ms, i, expired[i]);
}

#define EXPECT_EXPIRED(now_ms, ...)                                                                \
    expect_expired(now_ms, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (int[]){__VA_ARGS__})

Test(base_deadline, expires_when_due_and_once)
{
    cr_expect_eq(weir_deadlines_next_ms(&deadlines), UINT64_MAX);
    set(0, 1000, 50);
    cr_expect_eq(weir_deadlines_next_ms(&deadlines), 1050);
    expect_expired(1049, 0, NULL);
    EXPECT_EXPIRED(1050, 0);
    expect_expired(2000, 0, NULL);
    cr_expect_eq(weir_deadlines_next_ms(&deadlines), UINT64_MAX);
}

Test(base_deadline, of_one_duration_the_first_set_expires_first)
{
    set(2, 0, 10);
    set(0, 1, 10);
    set(1, 2, 10);
    EXPECT_EXPIRED(11, 2, 0);
    cr_expect_eq(weir_deadlines_next_ms(&deadlines), 12);
    EXPECT_EXPIRED(100, 1);
}

Test(base_deadline, next_is_the_earliest_of_all_durations)
{
    set(0, 0, 100);
    set(1, 0, 10);
    set(2, 5, 50);
    cr_expect_eq(weir_deadlines_next_ms(&deadlines), 10);
    EXPECT_EXPIRED(10, 1);
    cr_expect_eq(weir_deadlines_next_ms(&deadlines), 55);
    EXPECT_EXPIRED(99, 2);
    cr_expect_eq(weir_deadlines_next_ms(&deadlines), 100);
    EXPECT_EXPIRED(100, 0);
}

Test(base_deadline, moves_when_set_again)
{
    set(0, 0, 10);
    set(1, 0, 10);
    set(0, 5, 10);
    EXPECT_EXPIRED(10, 1);
    set(0, 12, 100);
    expect_expired(15, 0, NULL);
    EXPECT_EXPIRED(112, 0);
}

/* For owners who look by themselves: what is soon enough already is left alone. */
Test(base_deadline, within_leaves_what_is_sooner)
{
    cr_assert(weir_deadline_set_within(&deadlines, &waits[0], 0, 10));
    cr_assert(weir_deadline_set_within(&deadlines, &waits[0], 4, 10));
    cr_expect_eq(waits[0].at_ms, 10);
    cr_assert(weir_deadline_set_within(&deadlines, &waits[0], 4, 5));
    cr_expect_eq(waits[0].at_ms, 9);
    EXPECT_EXPIRED(9, 0);
    cr_assert(weir_deadline_set_within(&deadlines, &waits[0], 9, 10));
    cr_expect_eq(waits[0].at_ms, 19);
    cr_assert(weir_deadline_set_within(&deadlines, &waits[0], 9, 0));
    cr_expect_null(waits[0].list);
}

Test(base_deadline, steps_are_powers_of_two_that_never_go_beyond)
{
    static const uint64_t left_and_step[][2] = {
        {0, 1}, {1, 1}, {2, 2}, {3, 2}, {4, 4}, {7, 4}, {1000, 512}, {1ull << 40, 1ull << 40}};

    for (size_t i = 0; i < sizeof(left_and_step) / sizeof(*left_and_step); i++)
        cr_expect_eq(weir_deadline_step_ms(left_and_step[i][0]), left_and_step[i][1]);
}

/* When to look is known without going through the lists, and is late for none. */
Test(base_deadline, when_to_look_is_never_too_late)
{
    cr_expect_eq(weir_deadlines_look_ms(&deadlines), UINT64_MAX);
    set(0, 0, 100);
    set(1, 0, 10);
    cr_expect_eq(weir_deadlines_look_ms(&deadlines), 10);
    weir_deadline_cancel(&waits[1]);
    cr_expect_leq(weir_deadlines_look_ms(&deadlines), 100);
    expect_expired(10, 0, NULL);
    cr_expect_eq(weir_deadlines_look_ms(&deadlines), 100);
    set(1, 20, 5);
    cr_expect_eq(weir_deadlines_look_ms(&deadlines), 25);
    EXPECT_EXPIRED(25, 1);
    EXPECT_EXPIRED(100, 0);
    cr_expect_eq(weir_deadlines_look_ms(&deadlines), UINT64_MAX);
}

Test(base_deadline, zero_is_never)
{
    set(0, 0, 10);
    set(0, 5, 0);
    cr_expect_null(waits[0].list);
    cr_expect_eq(weir_deadlines_next_ms(&deadlines), UINT64_MAX);
    expect_expired(UINT64_MAX - 1, 0, NULL);
}

Test(base_deadline, cancel_is_idempotent_anywhere_in_the_list)
{
    for (int i = 0; i < 5; i++)
        set(i, 0, 10);
    weir_deadline_cancel(&waits[0]);
    weir_deadline_cancel(&waits[2]);
    weir_deadline_cancel(&waits[4]);
    weir_deadline_cancel(&waits[4]);
    weir_deadline_cancel(&waits[MANY - 1]);
    EXPECT_EXPIRED(10, 1, 3);
}

static void cancel_the_next(struct weir_deadline *deadline)
{
    on_expire(deadline);
    weir_deadline_cancel(deadline + 1);
}

/* Each time at the time that it was due. */
static void set_again(struct weir_deadline *deadline)
{
    on_expire(deadline);
    cr_assert(weir_deadline_set(&deadlines, deadline, deadline->at_ms, 10));
}

static void set_in_a_new_list(struct weir_deadline *deadline)
{
    on_expire(deadline);
    cr_assert(weir_deadline_set(&deadlines, deadline + 1, 10, 3));
}

Test(base_deadline, callbacks_may_cancel_and_set)
{
    set(0, 0, 10);
    set(1, 0, 10);
    set(2, 0, 10);
    waits[0].on_expire = cancel_the_next;
    waits[2].on_expire = set_again;
    EXPECT_EXPIRED(10, 0, 2);
    EXPECT_EXPIRED(20, 2);
    weir_deadline_cancel(&waits[2]);
    set(4, 0, 10);
    waits[4].on_expire = set_in_a_new_list;
    EXPECT_EXPIRED(10, 4);
    EXPECT_EXPIRED(13, 5);
}

Test(base_deadline, many_expire_in_order)
{
    for (int i = 0; i < MANY; i++)
        set(i, (uint64_t)i, 1000);
    n_expired = 0;
    for (uint64_t now = 0; now < 2000; now++)
        weir_deadlines_run(&deadlines, now);
    cr_assert_eq(n_expired, MANY);
    for (int i = 0; i < MANY; i++)
        cr_expect_eq(expired[i], i);
}

Test(base_deadline, set_ends_only_when_nobody_waits, .signal = SIGABRT)
{
    set(0, 0, 10);
    weir_deadlines_fini(&deadlines);
}
