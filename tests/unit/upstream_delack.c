#include "weir/upstream/delack.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

static uint32_t now_s;

/* A script of answers: p prompt, l late, P and L the same where it was acknowledged at once; a
 * number before one repeats it. s: a second goes by. */
static struct weir_delack_state play(struct weir_delack_state state, const char *script)
{
    static const char letters[] = "plPL";

    while (*script) {
        char *letter;
        long times = strtol(script, &letter, 10);

        if (letter == script)
            times = 1;
        if (*letter == 's')
            now_s += (uint32_t)times;
        for (long i = 0; i < times && *letter != 's'; i++)
            state = weir_delack_next(
                state, (enum weir_delack_seen)(strchr(letters, *letter) - letters), now_s);
        script = letter + 1;
    }
    return state;
}

struct script_row {
    char script[48];
    enum weir_delack_mode mode;
};

ParameterizedTestParameters(upstream_delack, learns)
{
    static struct script_row rows[] = {
        {"", WEIR_DELACK_OFF},
        {"1000p", WEIR_DELACK_OFF},
        {"2l", WEIR_DELACK_OFF},
        {"3l", WEIR_DELACK_TRIAL},
        {"lpplppl", WEIR_DELACK_TRIAL},
        {"l3pl3pl", WEIR_DELACK_OFF},    /* one in four is chance */
        {"2L l", WEIR_DELACK_OFF},       /* spoken of another time */
        {"3l 9l 9p", WEIR_DELACK_TRIAL}, /* those had begun before */
        {"3l 4P", WEIR_DELACK_TRIAL},
        {"3l 5P", WEIR_DELACK_ON},
        {"3l LPLPPPP", WEIR_DELACK_ON},
        {"3l 3L", WEIR_DELACK_REFUTED},
        {"3l 4P 2L P", WEIR_DELACK_ON},
        {"3l 4P 3L", WEIR_DELACK_REFUTED},
        {"3l 5P 1000P 2L", WEIR_DELACK_ON},
        {"3l 5P 1000P 3L", WEIR_DELACK_REFUTED},
        {"3l 5P 599s 9P", WEIR_DELACK_ON},
        {"3l 5P 600s", WEIR_DELACK_ON},
        {"3l 5P 600s P", WEIR_DELACK_TEST},
        {"3l 5P 600s P 9P 9L", WEIR_DELACK_TEST},
        {"3l 5P 600s P 7p", WEIR_DELACK_TEST},
        {"3l 5P 600s P 7p l", WEIR_DELACK_ON},
        {"3l 5P 600s P l 599s 9P", WEIR_DELACK_ON},
        {"3l 5P 600s P l 600s P", WEIR_DELACK_TEST},
        {"3l 5P 600s P 8p", WEIR_DELACK_OFF},
        {"3l 5P 600s P 8p 3l", WEIR_DELACK_TRIAL},
        {"3l 3L 59s 9P 9L 9p 9l", WEIR_DELACK_REFUTED},
        {"3l 3L 60s p", WEIR_DELACK_REFUTED},
        {"3l 3L 60s l", WEIR_DELACK_TRIAL},
        {"3l 3L 60s l 5P", WEIR_DELACK_ON},
        {"3l 3L 60s l 3L 119s l", WEIR_DELACK_REFUTED},
        {"3l 3L 60s l 3L 120s l", WEIR_DELACK_TRIAL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        size_t k = 0;
        for (size_t n = 0; rows[i].script[n]; n++)
            if (rows[i].script[n] != ' ')
                rows[i].script[k++] = rows[i].script[n];
        rows[i].script[k] = 0;
    }
    return cr_make_param_array(struct script_row, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct script_row *row, upstream_delack, learns)
{
    struct weir_delack_state state = play((struct weir_delack_state){.mode = 0}, row->script);

    cr_assert_eq(state.mode, row->mode, "%s: %d, not %d", row->script, state.mode, row->mode);
}

Test(upstream_delack, asks_ever_less_often)
{
    struct weir_delack_state state = play((struct weir_delack_state){.mode = 0}, "3l3L");

    for (uint32_t wait_s = 60, i = 0; i < 9; i++) {
        now_s += wait_s - 1;
        state = play(state, "9l");
        cr_assert_eq(state.mode, WEIR_DELACK_REFUTED, "%u s", wait_s);
        state = play(state, "sl");
        cr_assert_eq(state.mode, WEIR_DELACK_TRIAL, "%u s", wait_s);
        state = play(state, "3L");
        wait_s = wait_s < 3840 ? wait_s * 2 : wait_s;
    }
    state = play(state, "3840sl5P600sPl3L60sl");
    cr_assert_eq(state.mode, WEIR_DELACK_TRIAL, "a test that was stood makes all forgotten");
}

struct gap_row {
    uint64_t gap_ms, round_trip_us;
    bool is_late, is_slow;
};

ParameterizedTestParameters(upstream_delack, tells_gaps)
{
    static struct gap_row rows[] = {
        {0, 100, false, false},    {34, 100, false, false},    {35, 100, true, false},
        {44, 0, true, false},      {60, 100, true, false},     {61, 100, true, true},
        {72, 12000, true, false},  {73, 12000, true, true},    {220, 100000, true, false},
        {221, 100000, true, true}, {720, 500000, true, false}, {721, 500000, true, true},
    };
    return cr_make_param_array(struct gap_row, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct gap_row *row, upstream_delack, tells_gaps)
{
    cr_assert_eq(weir_delack_is_late(row->gap_ms), row->is_late, "%d ms", (int)row->gap_ms);
    cr_assert_eq(weir_delack_is_slow(row->gap_ms, row->round_trip_us), row->is_slow, "%d ms",
                 (int)row->gap_ms);
}

/* An answer whose parts came at these times, ended by 0; is it acknowledged at once? */
static bool answer(struct weir_delack *delack, const uint64_t *at_ms)
{
    struct weir_delack_answer answer = {.since_ms = 0};

    for (; at_ms[1]; at_ms++) {
        bool acks = weir_delack_await(delack, &answer, at_ms[0]);
        cr_assert_eq(acks, answer.is_acked);
        weir_delack_came(&answer, 100, at_ms[1]);
        weir_delack_came(&answer, 100, at_ms[1] + 45); /* nothing was awaited */
    }
    weir_delack_learn(delack, &answer, at_ms[0]);
    return answer.is_acked;
}

Test(upstream_delack, an_answer_in_one_part_changes_nothing)
{
    struct weir_delack delack = {{.mode = 0}};

    for (int i = 0; i < 9; i++)
        answer(&delack, (uint64_t[]){1000, 0});
    cr_assert_eq(atomic_load(&delack.state).late, 0);
    cr_assert_not(weir_delack_is_learned(&delack));
}

Test(upstream_delack, from_parts_to_a_lesson)
{
    struct weir_delack delack = {{.mode = 0}};

    for (int i = 0; i < 3; i++) {
        cr_assert_not(answer(&delack, (uint64_t[]){1000, 1300, 1301, 0}), "slow: not counted");
        cr_assert_not(answer(&delack, (uint64_t[]){1000, 1001, 1045, 1300, 0}));
    }
    for (int i = 0; i < 5; i++) {
        cr_assert_not(weir_delack_is_learned(&delack), "not before it has proved right");
        cr_assert(answer(&delack, (uint64_t[]){1000, 1500, 0}), "slow: not counted");
        cr_assert(answer(&delack, (uint64_t[]){1000, 1001, 0}));
    }
    cr_assert(weir_delack_is_learned(&delack));
}

Test(upstream_delack, bulk_is_left_alone)
{
    struct weir_delack delack = {{.mode = WEIR_DELACK_ON}};
    struct weir_delack_answer answer = {.since_ms = 0};
    int acks = 0;

    for (uint64_t i = 1; i < 1000; i++) {
        acks += weir_delack_await(&delack, &answer, i * 100);
        weir_delack_came(&answer, 100, i * 100 + (i > 8 ? 45 : 1));
    }
    cr_assert_eq(acks, 8);
    cr_assert_not(answer.was_late);
}
