/* Rates between two looks, the cells they become, and their order. */
#include "cli/rows.h"
#include "cli/text.h"

#include <criterion/criterion.h>
#include <string.h>

static json_t *load(const char *text)
{
    json_t *json = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

    cr_assert(json || !text, "%s", text);
    return json;
}

Test(cli_rates, rate)
{
    static const struct {
        const char *before, *now;
        double seconds, rate; /* -1: not known */
    } rows[] = {
        {"{\"a\": {\"n\": 10}}", "{\"a\": {\"n\": 30}}", 2, 10},
        {"{\"a\": {\"n\": 10}}", "{\"a\": {\"n\": 10}}", 2, 0},
        {"{\"a\": {\"n\": 10}}", "{\"a\": {\"n\": 9}}", 2, -1},
        {"{\"a\": {\"n\": 10}}", "{\"a\": {\"n\": 30}}", 0, -1},
        {"{\"a\": {\"n\": 10}}", "{\"a\": {\"n\": 30}}", -1, -1},
        {NULL, "{\"a\": {\"n\": 30}}", 1, -1},
        {"{}", "{\"a\": {\"n\": 30}}", 1, -1},
        {"{\"a\": {\"n\": 10}}", "{}", 1, -1},
        {"{\"a\": 1}", "{\"a\": {\"n\": \"x\"}}", 1, -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        json_t *before = load(rows[i].before), *now = load(rows[i].now);
        struct weir_span span = {before, now, rows[i].seconds};
        double rate = -1;

        cr_expect_eq(weir_rate(&span, "a/n", &rate), rows[i].rate >= 0, "row %zu", i);
        cr_expect_float_eq(rate, rows[i].rate, 1e-9, "row %zu: %f", i, rate);
        json_decref(before);
        json_decref(now);
    }
}

Test(cli_rates, share)
{
    static const struct {
        const char *before, *now;
        double share; /* -1: not known */
    } rows[] = {
        {"{\"p\": 10, \"w\": 10}", "{\"p\": 13, \"w\": 14}", 0.75},
        {"{\"p\": 10, \"w\": 10}", "{\"p\": 10, \"w\": 14}", 0},
        {"{\"p\": 10, \"w\": 10}", "{\"p\": 10, \"w\": 10}", -1},
        {"{\"p\": 10, \"w\": 10}", "{\"p\": 15, \"w\": 14}", 1},
        {"{\"p\": 10, \"w\": 10}", "{\"p\": 9, \"w\": 14}", -1},
        {NULL, "{\"p\": 9, \"w\": 14}", -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        json_t *before = load(rows[i].before), *now = load(rows[i].now);
        struct weir_span span = {before, now, 1};
        double share = -1;

        cr_expect_eq(weir_rate_share(&span, "p", "w", &share), rows[i].share >= 0, "row %zu", i);
        cr_expect_float_eq(share, rows[i].share, 1e-9, "row %zu: %f", i, share);
        json_decref(before);
        json_decref(now);
    }
}

#define RUN(pid, up, pools)                                                                        \
    "{\"weir\": {\"pid\": " #pid ", \"uptime_s\": " #up "}, \"pools\": {" pools "}}"
#define POOL(name, total, opened)                                                                  \
    "\"" name "\": {\"requests\": {\"total\": " #total "}, \"connections\": {\"opened\": " #opened \
    ", \"reused\": 0}}"

/* The cell under TITLE of the pool NAME. */
static const char *cell_of(const struct weir_rows *rows, const char *name, const char *title)
{
    for (size_t row = 0; row < rows->n_rows; row++) {
        if (strcmp(weir_rows_cell(rows, row, 0)->text, name) != 0)
            continue;
        for (size_t i = 0; i < rows->n_columns; i++) {
            if (strcmp(rows->columns[i]->title, title) == 0)
                return weir_rows_cell(rows, row, i)->text;
        }
    }
    return "no such cell";
}

Test(cli_rates, restarts_newcomers_and_leavers)
{
    static const struct {
        const char *before, *now, *name, *requests, *opened;
    } rows[] = {
        {RUN(1, 5, POOL("a", 10, 4)), RUN(1, 6, POOL("a", 12, 4)), "a", "2.0", "0"},
        {RUN(1, 5, POOL("a", 10, 4)), RUN(1, 6, POOL("a", 1012, 4)), "a", "1002", "0"},
        {RUN(1, 5, POOL("a", 10, 4)), RUN(2, 6, POOL("a", 12, 4)), "a", "-", "-"},
        {RUN(1, 5, POOL("a", 10, 4)), RUN(1, 0, POOL("a", 12, 4)), "a", "-", "-"},
        {RUN(1, 5, POOL("a", 10, 4)), RUN(1, 6, POOL("a", 12, 3)), "a", "-", "-"},
        {RUN(1, 5, POOL("a", 10, 4)), RUN(1, 6, POOL("b", 12, 3)), "b", "-", "-"},
        {RUN(1, 5, POOL("a", 10, 4)), RUN(1, 6, POOL("b", 12, 3)), "a", "no such cell", NULL},
        {RUN(1, 5, "\"a\": 7"), RUN(1, 6, POOL("a", 12, 3)), "a", "-", "-"},
        {NULL, RUN(1, 6, POOL("a", 12, 3)), "a", "-", "-"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        json_t *before = load(rows[i].before), *now = load(rows[i].now);
        struct weir_span span = {before, now, 1};
        struct weir_rows got;

        weir_rows_init(&got, weir_view_find("pools"), WEIR_IN_TOP, &span, false);
        cr_assert_not(got.has_failed);
        const char *text = cell_of(&got, rows[i].name, "REQ/S");
        cr_expect_str_eq(text, rows[i].requests, "row %zu: %s", i, text);
        text = cell_of(&got, rows[i].name, "OPENED/S");
        cr_expect_str_eq(text, rows[i].opened ? rows[i].opened : text, "row %zu: %s", i, text);
        weir_rows_fini(&got);
        json_decref(before);
        json_decref(now);
    }
}

Test(cli_rates, cells)
{
    static const struct {
        const char *json, *view, *title, *text;
    } rows[] = {
        {"{\"requests\": {\"total\": 18446744073}}", "pools", "REQUESTS", "18446744073"},
        {"{\"reuse_ratio\": 0.98765}", "pools", "REUSE", "98.77%"},
        {"{\"reuse_ratio\": 0}", "pools", "REUSE", "0.00%"},
        {"{\"reuse_ratio\": null}", "pools", "REUSE", "-"},
        {"{\"paused\": true}", "pools", "PAUSED", "yes"},
        {"{}", "pools", "PAUSED", "-"},
        {"{\"latency_ms\": {\"response\": {\"p50\": 1.26}}}", "pools", "P50_MS", "1.3"},
        {"{\"time_wait_avoided\": -3}", "pools", "TW_AVOIDED", "-3"},
        {"{\"addresses\": [\"a:1\", \"b:2\"]}", "listeners", "ADDRESSES", "a:1,b:2"},
        {"{\"addresses\": []}", "listeners", "ADDRESSES", "-"},
        {"{\"addresses\": [7]}", "listeners", "ADDRESSES", "?"},
        {"[]", "pools", "REQUESTS", "-"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        json_t *now = json_pack("{s:{s:o}}", rows[i].view, "a", load(rows[i].json));
        struct weir_span span = {.now = now};
        struct weir_rows got;

        weir_rows_init(&got, weir_view_find(rows[i].view), WEIR_IN_STATS, &span, false);
        const char *text = cell_of(&got, "a", rows[i].title);
        cr_expect_str_eq(text, rows[i].text, "row %zu: %s", i, text);
        weir_rows_fini(&got);
        json_decref(now);
    }
}

Test(cli_rates, servers_without_the_kernels_figures)
{
    json_t *now = load("{\"pools\": {\"p\": {\"servers\": {\"s\": {\"state\": \"up\", \"tcp\": "
                       "{\"proxy_side\": {\"time_wait\": 3}, \"server_side\": null}, "
                       "\"keep_alive\": {\"idle_timeout_ms\": 0}}}}}}");
    struct weir_span span = {.now = now};
    struct weir_rows rows;

    weir_rows_init(&rows, weir_view_find("servers"), WEIR_IN_STATS, &span, false);
    cr_assert_eq(rows.n_rows, 1);
    cr_expect_str_eq(weir_rows_cell(&rows, 0, 1)->text, "s");
    cr_expect_str_eq(cell_of(&rows, "p", "TW_PROXY"), "3");
    cr_expect_str_eq(cell_of(&rows, "p", "TW_SERVER"), "-");
    cr_expect_str_eq(cell_of(&rows, "p", "KEPT_MS"), "-");
    weir_rows_fini(&rows);
    json_decref(now);
}

Test(cli_rates, sorting)
{
    static const struct {
        const char *title;
        bool is_descending;
        const char *names;
    } rows[] = {
        {"POOL", false, "a2 a10 b c "},    {"POOL", true, "c b a10 a2 "},
        {"REQUESTS", true, "c a10 a2 b "}, {"REQUESTS", false, "a10 a2 c b "},
        {"PAUSED", true, "b c a10 a2 "},
    };
    json_t *now = load("{\"pools\": {\"b\": {\"paused\": true},"
                       "\"c\": {\"requests\": {\"total\": 30}},"
                       "\"a10\": {\"requests\": {\"total\": 4}},"
                       "\"a2\": {\"requests\": {\"total\": 4}}}}");
    struct weir_span span = {.now = now};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct weir_rows got;
        char names[64] = "";
        size_t column = 0;

        weir_rows_init(&got, weir_view_find("pools"), WEIR_IN_STATS, &span, false);
        while (strcmp(got.columns[column]->title, rows[i].title) != 0)
            column++;
        weir_rows_sort(&got, column, rows[i].is_descending);
        for (size_t row = 0; row < got.n_rows; row++) {
            strcat(names, weir_rows_cell(&got, row, 0)->text);
            strcat(names, " ");
        }
        cr_expect_str_eq(names, rows[i].names, "row %zu: %s", i, names);
        weir_rows_fini(&got);
    }
    json_decref(now);
}

Test(cli_rates, text_for_terminals)
{
    static const struct {
        const char *text, *clean, *ascii;
        size_t width;
    } rows[] = {
        {"plain", "plain", "plain", 5},
        {"", "", "", 0},
        {"a\033[2Jb\x7f", "a?[2Jb?", "a?[2Jb?", 7},
        {"caf\xc3\xa9", "caf\xc3\xa9", "caf?", 4},
        {"\xe6\xb0\xb4", "\xe6\xb0\xb4", "?", 2},
        {"\xc2\x9b"
         "5m",
         "?5m", "?5m", 3},
        {"\xe2\x80\xae!", "?!", "?!", 2},
        {"\xff\xc3", "??", "??", 2},
        {"e\xcc\x81", "e?", "e?", 2},
    };
    weir_text_init();
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[32], ascii[32];

        strcpy(text, rows[i].text);
        strcpy(ascii, rows[i].text);
        weir_text_clean(text, false);
        weir_text_clean(ascii, true);
        cr_expect_str_eq(text, rows[i].clean, "row %zu: %s", i, text);
        cr_expect_str_eq(ascii, rows[i].ascii, "row %zu: %s", i, ascii);
        cr_expect_eq(weir_text_width(text), rows[i].width, "row %zu", i);
    }
    cr_expect_eq(weir_text_fit("\xe6\xb0\xb4\xe6\xb0\xb4", 3), 3);
    cr_expect_eq(weir_text_fit("abc", 2), 2);
    cr_expect_eq(weir_text_fit("abc", 0), 0);
}
