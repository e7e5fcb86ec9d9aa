#include "weir/upstream/learn.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

static struct weir_lesson lesson;

static void set_up(void)
{
    weir_lesson_init(&lesson);
}

static void tear_down(void)
{
    weir_lesson_fini(&lesson);
}

TestSuite(upstream_learn, .init = set_up, .fini = tear_down);

struct field_row {
    char value[64];
    uint64_t timeout_ms;
    bool has_max;
    uint64_t max;
};

ParameterizedTestParameters(upstream_learn, reads_the_field)
{
    static struct field_row rows[] = {
        {"timeout=5, max=100", 5000, true, 100},
        {"TIMEOUT=5", 5000, false, 0},
        {"max=0", 0, true, 0},
        {"max=7,timeout=2", 2000, true, 7},
        {"timeout=x, max=-1", 0, false, 0},
        {"timeout=99999999999999999999", 0, false, 0},
        {"timeout", 0, false, 0},
        {"", 0, false, 0},
    };
    return cr_make_param_array(struct field_row, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct field_row *row, upstream_learn, reads_the_field)
{
    struct weir_keep_alive_field field = weir_keep_alive_read(weir_slice_from(row->value));

    cr_assert_eq(field.timeout_ms, row->timeout_ms, "%s", row->value);
    cr_assert_eq(field.has_max, row->has_max, "%s", row->value);
    cr_assert_eq(field.max, row->max, "%s", row->value);
}

Test(upstream_learn, knows_nothing_at_first)
{
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 55000, 1), 55000);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 0, 1), 0);
    cr_assert(weir_lesson_is_safe(&lesson, 50000, 1));
    cr_assert_eq(weir_lesson_requests_limit(&lesson, 7), 7);
}

Test(upstream_learn, believes_an_announcement_with_a_margin)
{
    weir_lesson_announced(&lesson, 5000, 1000);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 55000, 1000), 4500);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 3000, 1000), 3000, "never above configured");
    cr_assert(weir_lesson_is_safe(&lesson, 3900, 1000));
    cr_assert_not(weir_lesson_is_safe(&lesson, 4001, 1000));
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 55000, 10000000), 4500, "it does not grow");
}

Test(upstream_learn, leaves_room_for_two_round_trips)
{
    weir_lesson_announced(&lesson, 1000, 0);
    weir_lesson_connected(&lesson, 30000);
    weir_lesson_connected(&lesson, 10000);
    weir_lesson_connected(&lesson, 20000);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 0, 0), 1000 - 100 - 20);
}

Test(upstream_learn, takes_two_closes_that_agree)
{
    weir_lesson_closed_idle(&lesson, 1010, 3, 5000);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 55000, 5000), 55000, "one proves nothing");
    weir_lesson_closed_idle(&lesson, 1000, 9, 9000);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 55000, 9000), 900);
    cr_assert_eq(atomic_load(&lesson.shared.from), WEIR_LEARNED_OBSERVATION);
}

Test(upstream_learn, is_not_fooled_by_a_restart)
{
    for (uint64_t i = 0; i < 50; i++)
        weir_lesson_closed_idle(&lesson, 3000 + i, 2, 5000 + i);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 55000, 6000), 55000);
}

/* Two workers see it, and one's clock is behind. */
Test(upstream_learn, is_not_fooled_by_clocks_that_differ)
{
    weir_lesson_closed_idle(&lesson, 3000, 2, 5000);
    weir_lesson_closed_idle(&lesson, 3010, 2, 4999);
    weir_lesson_closed_idle(&lesson, 3000, 2, 5001);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 55000, 6000), 55000);
}

/* Of a busy pool one connection or another ends all the time. */
Test(upstream_learn, takes_a_trickle_of_closes_for_more_than_one_event)
{
    for (uint64_t i = 0; i < 5; i++)
        weir_lesson_closed_idle(&lesson, 3000, 2, 5000 + 50 * i);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 55000, 6000), 2700);
}

Test(upstream_learn, is_not_fooled_by_ages_that_differ)
{
    weir_lesson_closed_idle(&lesson, 1000, 2, 5000);
    weir_lesson_closed_idle(&lesson, 4000, 2, 9000);
    weir_lesson_closed_idle(&lesson, 2000, 2, 19000);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 55000, 20000), 55000);
}

Test(upstream_learn, forgets_an_observation_slowly)
{
    weir_lesson_closed_idle(&lesson, 1000, 3, 0);
    weir_lesson_closed_idle(&lesson, 1000, 3, 1000);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 55000, 1000), 900);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 55000, 1000 + 60000), 990);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 55000, 1000 + 600000), 1800);
    cr_assert_eq(weir_lesson_idle_limit_ms(&lesson, 55000, 1000 + 6000000000), 55000);
}

Test(upstream_learn, sees_a_limit_of_requests)
{
    for (uint64_t i = 0; i < WEIR_LESSON_AGES; i++)
        weir_lesson_closed_idle(&lesson, 2, 1, 1000 * i);
    cr_assert_eq(weir_lesson_requests_limit(&lesson, 0), 1);
    weir_lesson_carried(&lesson, 1);
    cr_assert_eq(weir_lesson_requests_limit(&lesson, 0), 1);
    weir_lesson_carried(&lesson, 2);
    cr_assert_eq(weir_lesson_requests_limit(&lesson, 0), 0, "it took more after all");
}

Test(upstream_learn, asks_again_once_in_a_while)
{
    unsigned beyond = 0;

    for (uint64_t i = 0; i < WEIR_LESSON_AGES; i++)
        weir_lesson_closed_idle(&lesson, 2, 1, 1000 * i);
    for (int i = 0; i < 640; i++)
        beyond += weir_lesson_requests_limit(&lesson, 0) == 0;
    cr_assert_eq(beyond, 10);
}

Test(upstream_learn, recognises_a_server_that_keeps_nothing)
{
    weir_lesson_answered(&lesson, WEIR_UNKEPT_HTTP10);
    weir_lesson_answered(&lesson, WEIR_UNKEPT_HTTP10);
    cr_assert_not(weir_lesson_is_unkept(&lesson));
    weir_lesson_answered(&lesson, WEIR_UNKEPT_HTTP10);
    cr_assert(weir_lesson_is_unkept(&lesson));
    cr_assert_str_eq(weir_unkept_text((enum weir_unkept_reason)atomic_load(&lesson.shared.unkept)),
                     "HTTP/1.0 without keep-alive");
    weir_lesson_answered(&lesson, WEIR_UNKEPT_NONE);
    cr_assert_not(weir_lesson_is_unkept(&lesson), "one that keeps again is noticed");
}
