#include "weir/control/history.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND_MS = 1000, STARTED_MS = 5000 };

static struct weir_history *history;
static struct weir_reading reading, total;
static uint64_t now_ms;

static void setup(void)
{
    history = weir_history_create(STARTED_MS);
    memset(&reading, 0, sizeof(reading));
    memset(&total, 0, sizeof(total));
    now_ms = STARTED_MS;
}

static void teardown(void)
{
    weir_history_destroy(history);
}

TestSuite(control_history, .init = setup, .fini = teardown);

/* A second goes by: POOL (or none) has served as many requests as READING says. */
static void tick(const char *pool)
{
    weir_history_begin(history, now_ms);
    now_ms += SECOND_MS;
    if (pool)
        weir_history_add(history, pool, &reading);
    weir_history_end(history, &total);
}

static json_t *ask(const char *pool, uint64_t since)
{
    bool found;
    char *text = weir_history_print(history, pool, since, &found);
    json_error_t error;

    cr_assert(found && text);
    json_t *answer = json_loads(text, 0, &error);
    cr_assert(answer, "%s in %s", error.text, text);
    free(text);
    return answer;
}

static json_t *samples(json_t *answer)
{
    return json_object_get(answer, "samples");
}

/* The place of a field in a sample. */
static size_t column(json_t *answer, const char *name)
{
    json_t *fields = json_object_get(answer, "fields");
    size_t i = 0;

    while (i < json_array_size(fields) &&
           strcmp(json_string_value(json_array_get(fields, i)), name) != 0)
        i++;
    cr_assert_lt(i, json_array_size(fields), "no field %s", name);
    return i;
}

static json_t *value(json_t *answer, size_t sample, const char *field)
{
    return json_array_get(json_array_get(samples(answer), sample), column(answer, field));
}

static json_int_t number(json_t *answer, size_t sample, const char *field)
{
    cr_assert(json_is_integer(value(answer, sample, field)), "%s", field);
    return json_integer_value(value(answer, sample, field));
}

Test(control_history, empty_has_no_samples)
{
    json_t *answer = ask(NULL, 0);

    cr_expect_eq(json_array_size(samples(answer)), 0);
    cr_expect_eq(json_integer_value(json_object_get(answer, "started_ms")), STARTED_MS);
    cr_expect_eq(json_integer_value(json_object_get(answer, "round")), 0);
    json_decref(answer);
}

Test(control_history, samples_come_in_order_with_their_time)
{
    for (uint64_t i = 0; i < 5; i++) {
        reading.figures[WEIR_HISTORY_requests] = 10 * i;
        tick("a");
    }
    json_t *answer = ask("a", 0);
    cr_assert_eq(json_array_size(samples(answer)), 5);
    for (size_t i = 0; i < 5; i++) {
        cr_expect_eq(number(answer, i, "requests"), (json_int_t)(10 * i));
        cr_expect_eq(number(answer, i, "at_ms"), (json_int_t)(STARTED_MS + i * SECOND_MS));
        cr_expect_eq(json_array_size(json_array_get(samples(answer), i)),
                     WEIR_HISTORY_FIGURE_COUNT + 1);
    }
    json_decref(answer);
}

Test(control_history, the_ring_keeps_the_newest)
{
    for (uint64_t i = 0; i < 2 * WEIR_HISTORY_SAMPLES + 77; i++) {
        reading.figures[WEIR_HISTORY_requests] = i;
        tick("a");
        if (i % 97 != 0 && i + 3 < 2 * WEIR_HISTORY_SAMPLES)
            continue;
        size_t kept = i + 1 < WEIR_HISTORY_SAMPLES ? i + 1 : WEIR_HISTORY_SAMPLES;
        json_t *answer = ask("a", 0);
        cr_assert_eq(json_array_size(samples(answer)), kept);
        cr_expect_eq(number(answer, 0, "requests"), (json_int_t)(i + 1 - kept));
        cr_expect_eq(number(answer, kept - 1, "requests"), (json_int_t)i);
        json_decref(answer);
    }
}

Test(control_history, since_leaves_out_what_was_told)
{
    static const struct {
        uint64_t since;
        size_t n;
    } cases[] = {{0, 600},         {1, 600},  {400, 600},  {401, 599},
                 {999, 1},         {1000, 0}, {1001, 600}, /* of another weir, then */
                 {UINT64_MAX, 600}};

    for (int i = 0; i < 1000; i++)
        tick("a");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *answer = ask(i % 2 ? "a" : NULL, cases[i].since);
        cr_expect_eq(json_array_size(samples(answer)), cases[i].n, "since %" PRIu64 ": %zu",
                     cases[i].since, json_array_size(samples(answer)));
        cr_expect_eq(json_integer_value(json_object_get(answer, "round")), 1000);
        json_decref(answer);
    }
}

/* A late pool's samples are numbered as everybody's. */
Test(control_history, since_counts_rounds_of_a_late_pool_too)
{
    for (int i = 0; i < 20; i++)
        tick(i < 15 ? NULL : "late");
    json_t *answer = ask("late", 18);
    cr_expect_eq(json_array_size(samples(answer)), 2);
    json_decref(answer);
    answer = ask("late", 3);
    cr_expect_eq(json_array_size(samples(answer)), 5);
    json_decref(answer);
}

Test(control_history, a_pool_that_is_gone_is_forgotten)
{
    bool found = true;

    tick("a");
    tick("a");
    tick("b");
    cr_expect_null(weir_history_print(history, "a", 0, &found));
    cr_expect_not(found);
    tick("a");
    json_t *answer = ask("a", 0);
    cr_expect_eq(json_array_size(samples(answer)), 1, "it begins anew");
    json_decref(answer);
    answer = ask(NULL, 0);
    cr_expect_eq(json_array_size(samples(answer)), 4);
    json_decref(answer);
}

Test(control_history, there_is_a_limit_of_pools)
{
    char name[16];

    weir_history_begin(history, now_ms);
    for (int i = 0; i < WEIR_HISTORY_POOLS_MAX + 3; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        weir_history_add(history, name, &reading);
    }
    weir_history_end(history, &total);
    json_t *answer = ask(NULL, 0);
    cr_expect_eq(json_array_size(json_object_get(answer, "pools")), WEIR_HISTORY_POOLS_MAX);
    cr_expect_eq(json_integer_value(json_object_get(answer, "pools_left_out")), 3);
    json_decref(answer);
}

Test(control_history, names_are_written_as_json)
{
    tick("a\"b\\c\n<d>");
    json_t *answer = ask("a\"b\\c\n<d>", 0);
    cr_expect_str_eq(json_string_value(json_object_get(answer, "pool")), "a\"b\\c\n<d>");
    json_decref(answer);
}

Test(control_history, what_is_not_known_is_null)
{
    reading.figures[WEIR_HISTORY_server_time_wait] = WEIR_HISTORY_UNKNOWN;
    tick("a");
    json_t *answer = ask("a", 0);
    cr_expect(json_is_null(value(answer, 0, "server_time_wait")));
    cr_expect(json_is_null(value(answer, 0, "response_p50_us")), "no answer, no duration");
    cr_expect_eq(number(answer, 0, "idle"), 0);
    json_decref(answer);
}

Test(control_history, durations_are_of_the_second_alone)
{
    for (int i = 0; i < 100; i++)
        weir_histogram_add(&reading.response_us, 9);
    tick("a");
    for (int i = 0; i < 10; i++)
        weir_histogram_add(&reading.response_us, 5000);
    tick("a");
    tick("a");
    json_t *answer = ask("a", 0);
    cr_expect_eq(number(answer, 0, "response_p50_us"), 9);
    cr_expect_eq(number(answer, 1, "response_p50_us"), 5000);
    cr_expect(json_is_null(value(answer, 2, "response_p50_us")));
    json_decref(answer);
}

Test(control_history, the_last_minute_is_a_minute)
{
    for (uint64_t i = 0; i <= 200; i++) {
        total.figures[WEIR_HISTORY_sent] = 7 * i;
        total.figures[WEIR_HISTORY_time_waits_left] = i / 2;
        tick(NULL);
    }
    json_t *answer = ask(NULL, 200), *minute = json_object_get(answer, "last_minute");
    cr_expect_eq(json_integer_value(json_object_get(minute, "sent")), 7 * 60);
    cr_expect_eq(json_integer_value(json_object_get(minute, "time_waits_left")), 30);
    json_decref(answer);

    total.figures[WEIR_HISTORY_sent] = 0; /* a pool has gone, and with it what it had counted */
    tick(NULL);
    answer = ask(NULL, 201);
    minute = json_object_get(answer, "last_minute");
    cr_expect_eq(json_integer_value(json_object_get(minute, "sent")), 7 * 59);
    json_decref(answer);
}
