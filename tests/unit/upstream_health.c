/* A server's health through its life, by the clock of the test. */
#include "weir/upstream/health.h"

#include <criterion/criterion.h>

enum { FAILURES_MAX = 3, EJECT_MS = 1000 };

static struct weir_health health;
static uint64_t for_ms;

static bool fail_at(uint64_t now_ms)
{
    return weir_health_failed(&health, FAILURES_MAX, EJECT_MS, now_ms, &for_ms);
}

static unsigned share_at(uint64_t now_ms)
{
    return weir_health_share(&health, now_ms);
}

static void eject_at(uint64_t now_ms)
{
    cr_assert_not(fail_at(now_ms));
    cr_assert_not(fail_at(now_ms));
    cr_assert(fail_at(now_ms));
}

Test(upstream_health, failures_in_a_row_eject)
{
    cr_expect(weir_health_is_well(&health, 0));
    eject_at(50);
    cr_expect_eq(for_ms, EJECT_MS);
    cr_expect_not(weir_health_is_well(&health, 50));
    cr_expect_not(weir_health_is_well(&health, 1049));
    cr_expect_not(fail_at(60), "it is ejected once");
    cr_expect(weir_health_is_well(&health, 1050));
}

Test(upstream_health, an_answer_between_them_does_not)
{
    for (int i = 0; i < 10; i++) {
        cr_expect_not(fail_at(1));
        cr_expect_not(fail_at(1));
        cr_expect_not(weir_health_succeeded(&health, 1, 1));
    }
    cr_expect(weir_health_is_well(&health, 1));
}

Test(upstream_health, off_is_off)
{
    for (int i = 0; i < 1000; i++)
        cr_expect_not(weir_health_failed(&health, 0, EJECT_MS, 1, &for_ms));
}

Test(upstream_health, it_comes_back_gradually)
{
    eject_at(0);
    cr_expect(weir_health_is_well(&health, 5000));
    /* From a tenth at the moment when the end of the ejection is noticed. */
    cr_expect_eq(share_at(4000), 10);
    cr_expect_eq(share_at(5000), 10);
    cr_expect_eq(share_at(5000 + WEIR_HEALTH_RETURN_MS / 2), 55);
    cr_expect_eq(share_at(5000 + WEIR_HEALTH_RETURN_MS - 1), 99);
    cr_expect_eq(share_at(5000 + WEIR_HEALTH_RETURN_MS), 100);
    cr_expect(weir_health_is_well(&health, 5000 + WEIR_HEALTH_RETURN_MS));
    cr_expect_eq(share_at(5000), 100, "and then it is back");
    weir_health_succeeded(&health, 15000, 15000);
    eject_at(20000);
    cr_expect_eq(for_ms, EJECT_MS, "as if nothing had been");
}

Test(upstream_health, each_time_again_it_is_away_for_twice_as_long)
{
    uint64_t now_ms = 0, expected_ms = EJECT_MS;

    eject_at(now_ms);
    for (int i = 0; i < 8; i++) {
        cr_expect_eq(for_ms, expected_ms, "%d: %llu", i, (unsigned long long)for_ms);
        now_ms += for_ms;
        cr_expect_not(weir_health_is_well(&health, now_ms - 1));
        cr_expect(weir_health_is_well(&health, now_ms));
        if (i < WEIR_HEALTH_DOUBLINGS_MAX)
            expected_ms *= 2;
        cr_expect(fail_at(now_ms), "on its return the first failure is enough");
    }
    /* Once it is back for good, all of that is forgotten. */
    now_ms += for_ms;
    cr_expect(weir_health_is_well(&health, now_ms));
    weir_health_succeeded(&health, now_ms, now_ms);
    now_ms += WEIR_HEALTH_RETURN_MS;
    cr_expect(weir_health_is_well(&health, now_ms));
    eject_at(now_ms);
    cr_expect_eq(for_ms, EJECT_MS);
}

Test(upstream_health, an_answer_to_a_later_request_ends_an_ejection)
{
    eject_at(100);
    cr_expect_not(weir_health_succeeded(&health, 99, 150), "that one was under way before");
    cr_expect_not(weir_health_is_well(&health, 150));
    cr_expect(weir_health_succeeded(&health, 100, 160));
    cr_expect(weir_health_is_well(&health, 160));
    cr_expect_eq(share_at(160), 10);
}

Test(upstream_health, probes_in_a_row_decide)
{
    static const struct {
        bool is_good, changes, is_down;
    } steps[] = {
        {false, false, false}, {true, false, false}, {false, false, false}, {false, false, false},
        {false, true, true},   {false, false, true}, {true, false, true},   {false, false, true},
        {true, false, true},   {true, true, false},  {true, false, false},  {false, false, false},
    };

    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        cr_expect_eq(weir_health_probed(&health, steps[i].is_good, 2, 3, 1000), steps[i].changes,
                     "step %zu", i);
        cr_expect_eq(weir_health_is_down(&health), steps[i].is_down, "step %zu", i);
        cr_expect_eq(weir_health_is_well(&health, 1000), !steps[i].is_down, "step %zu", i);
    }
    cr_expect_eq(share_at(1000), 10, "what was down comes back gradually, too");
}

Test(upstream_health, down_is_down_whatever_requests_say)
{
    for (int i = 0; i < 3; i++)
        weir_health_probed(&health, false, 2, 3, 0);
    eject_at(10);
    cr_expect(weir_health_succeeded(&health, 20, 20), "the ejection ends");
    cr_expect_not(weir_health_is_well(&health, 20));
    weir_health_unprobed(&health);
    cr_expect(weir_health_is_well(&health, 20));
}
