#include "weir/base/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 16384 };

static char directory[] = "/tmp/weir-log-XXXXXX";
static char path[64], moved[64];
static char text[TEXT_MAX];

static void setup(void)
{
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/log", directory);
    snprintf(moved, sizeof(moved), "%s/moved", directory);
}

static void teardown(void)
{
    weir_log_open("stderr", WEIR_LOG_INFO, WEIR_LOG_TEXT);
    unlink(path);
    unlink(moved);
    rmdir(directory);
}

TestSuite(base_log, .init = setup, .fini = teardown);

static void open_log(enum weir_log_level level, enum weir_log_format format)
{
    cr_assert_eq(weir_log_open(path, level, format), 0);
}

/* All that is in a file; the same place every time. */
static const char *read_all(const char *from)
{
    FILE *file = fopen(from, "rb");
    size_t len;

    cr_assert_not_null(file);
    len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    cr_expect_eq(strlen(text), len, "there is a NUL in it");
    fclose(file);
    return text;
}

static unsigned count_lines(const char *all)
{
    unsigned n = 0;

    for (; *all; all++)
        n += *all == '\n';
    return n;
}

static const struct {
    const char *from, *in_text, *in_json;
} rows[] = {
    {"plain", "plain", "plain"},
    {"a\nb", "a\\u000ab", "a\\u000ab"},
    {"a\r\nb", "a\\u000d\\u000ab", "a\\u000d\\u000ab"},
    {"\x1b[2Ja\x7f\t", "\\u001b[2Ja\\u007f\\u0009", "\\u001b[2Ja\\u007f\\u0009"},
    {"\"\\", "\"\\", "\\\"\\\\"},
    {"\",\"level\":\"x", "\",\"level\":\"x", "\\\",\\\"level\\\":\\\"x"},
    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
     "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
    /* No UTF-8: what would make JSON invalid. */
    {"\xe9!", "\\u00e9!", "\\u00e9!"},
    {"\xff\xfe", "\\u00ff\\u00fe", "\\u00ff\\u00fe"},
    {"\xc3", "\\u00c3", "\\u00c3"},
    {"\xc0\x8a", "\\u00c0\\u008a", "\\u00c0\\u008a"},
    {"\xe0\x80\x8a", "\\u00e0\\u0080\\u008a", "\\u00e0\\u0080\\u008a"},
    {"\xed\xa0\x80", "\\u00ed\\u00a0\\u0080", "\\u00ed\\u00a0\\u0080"},
    {"\xf4\x90\x80\x80", "\\u00f4\\u0090\\u0080\\u0080", "\\u00f4\\u0090\\u0080\\u0080"},
    {"\xf8\x88\x80\x80\x80", "\\u00f8\\u0088\\u0080\\u0080\\u0080",
     "\\u00f8\\u0088\\u0080\\u0080\\u0080"},
    /* Ends of lines to some readers, and controls of 8 bits to some terminals. */
    {"\xc2\x85", "\\u00c2\\u0085", "\\u00c2\\u0085"},
    {"\xc2\x9b", "\\u00c2\\u009b", "\\u00c2\\u009b"},
    {"\xe2\x80\xa8", "\\u00e2\\u0080\\u00a8", "\\u00e2\\u0080\\u00a8"},
};

Test(base_log, text_from_outside_forges_no_line)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char expected[128];
        open_log(WEIR_LOG_INFO, WEIR_LOG_TEXT);
        weir_log(WEIR_LOG_WARN, "it says %s.", rows[i].from);
        const char *all = read_all(path);
        cr_expect_eq(count_lines(all), 1, "%s", all);
        snprintf(expected, sizeof(expected), "Z warn  it says %s.\n", rows[i].in_text);
        cr_expect_not_null(strstr(all, expected), "%s and not %s", all, expected);
        unlink(path);
    }
}

Test(base_log, json_is_valid_whatever_is_said)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char expected[128];
        open_log(WEIR_LOG_INFO, WEIR_LOG_JSON);
        weir_log(WEIR_LOG_ERROR, "it says %s.", rows[i].from);
        const char *all = read_all(path);
        cr_expect_eq(count_lines(all), 1, "%s", all);
        snprintf(expected, sizeof(expected), "\"level\":\"error\",\"message\":\"it says %s.\"}\n",
                 rows[i].in_json);
        cr_expect_not_null(strstr(all, expected), "%s and not %s", all, expected);
        json_error_t error;
        json_t *json = json_loads(all, JSON_REJECT_DUPLICATES, &error);
        cr_expect_not_null(json, "%s: %s", all, error.text);
        json_decref(json);
        unlink(path);
    }
}

/* A line that is cut is a whole line all the same. */
Test(base_log, long_lines_are_cut_and_stay_valid)
{
    static char filler[6000];

    for (size_t skip = 0; skip < 12; skip++) {
        memset(filler, 0, sizeof(filler));
        memset(filler, 'x', skip);
        for (size_t at = skip; at + 7 < sizeof(filler); at += 6)
            memcpy(filler + at, "\xe2\x82\xac\n\"\xff", 6);
        open_log(WEIR_LOG_INFO, WEIR_LOG_JSON);
        weir_log(WEIR_LOG_INFO, "%s", filler);
        weir_log(WEIR_LOG_INFO, "after");
        char *all = strdup(read_all(path));
        cr_expect_eq(count_lines(all), 2);
        for (char *line = strtok(all, "\n"); line; line = strtok(NULL, "\n")) {
            json_t *json = json_loads(line, 0, NULL);
            cr_expect_not_null(json, "%s", line);
            json_decref(json);
        }
        free(all);
        unlink(path);
    }
}

Test(base_log, levels_below_are_not_written)
{
    for (int level = WEIR_LOG_DEBUG; level <= WEIR_LOG_ERROR; level++) {
        open_log((enum weir_log_level)level, WEIR_LOG_TEXT);
        for (int i = WEIR_LOG_DEBUG; i <= WEIR_LOG_ERROR; i++) {
            cr_expect_eq(weir_log_is_on((enum weir_log_level)i), i >= level);
            weir_log((enum weir_log_level)i, "said at %d", i);
        }
        cr_expect_eq(count_lines(read_all(path)), (unsigned)(WEIR_LOG_ERROR - level + 1));
        unlink(path);
    }
}

Test(base_log, appends_and_reopens_by_path)
{
    open_log(WEIR_LOG_INFO, WEIR_LOG_TEXT);
    weir_log(WEIR_LOG_INFO, "first");
    open_log(WEIR_LOG_INFO, WEIR_LOG_TEXT);
    weir_log(WEIR_LOG_INFO, "second");
    cr_expect_eq(rename(path, moved), 0);
    weir_log(WEIR_LOG_INFO, "third");
    cr_expect_eq(weir_log_reopen(), 0);
    weir_log(WEIR_LOG_INFO, "fourth");
    cr_expect_eq(count_lines(read_all(moved)), 3);
    cr_expect_not_null(strstr(read_all(path), "fourth"));
    cr_expect_eq(count_lines(read_all(path)), 1);
}

Test(base_log, stays_as_it_was_when_the_new_place_is_not_to_be_had)
{
    open_log(WEIR_LOG_INFO, WEIR_LOG_TEXT);
    cr_expect_eq(weir_log_open("/nonexistent/log", WEIR_LOG_ERROR, WEIR_LOG_JSON), -ENOENT);
    weir_log(WEIR_LOG_INFO, "still here");
    cr_expect_not_null(strstr(read_all(path), "info  still here\n"));
}

Test(base_log, stamp_is_utc_to_the_millisecond)
{
    unsigned year, month, day, hour, minute, second, ms;
    char zone;

    open_log(WEIR_LOG_INFO, WEIR_LOG_TEXT);
    weir_log(WEIR_LOG_INFO, "now");
    cr_expect_eq(sscanf(read_all(path), "%4u-%2u-%2uT%2u:%2u:%2u.%3u%c info", &year, &month, &day,
                        &hour, &minute, &second, &ms, &zone),
                 8);
    cr_expect_eq(zone, 'Z');
}
