#include "weir/config/faults.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define PLENTY ((size_t)1 << 20)

static char *print(struct weir_faults *faults)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    weir_faults_print(faults, out);
    fclose(out);
    weir_faults_fini(faults);
    return text;
}

Test(config_faults, come_in_the_order_of_the_file)
{
    struct weir_faults faults;

    weir_faults_init(&faults, "f", PLENTY);
    weir_faults_add(&faults, (struct weir_place){.line = 2, .column = 9}, "d");
    weir_faults_add(&faults, (struct weir_place){.line = 10, .column = 1}, "e");
    weir_faults_add(&faults, (struct weir_place){.line = 2, .column = 1}, "%s", "b");
    weir_faults_add(&faults, (struct weir_place){.line = 1, .column = 5}, "a");
    weir_faults_add(&faults, (struct weir_place){.line = 2, .column = 1}, "c");
    weir_faults_add(&faults, (struct weir_place){.option = "--to"}, "first");
    cr_expect_not(weir_faults_is_empty(&faults));
    char *text = print(&faults);
    cr_expect_str_eq(text, "--to: first\nf:1:5: a\nf:2:1: b\nf:2:1: c\nf:2:9: d\nf:10:1: e\n");
    free(text);
}

Test(config_faults, stay_on_their_line)
{
    struct weir_faults faults;

    weir_faults_init(&faults, "f", PLENTY);
    weir_faults_add(&faults, (struct weir_place){.line = 1, .column = 1}, "%s",
                    "a\nb\r\x1b[31m\x7f\xc2\x85\xc2\xa0ä");
    char *text = print(&faults);
    cr_expect_str_eq(text, "f:1:1: a\\x0ab\\x0d\\x1b[31m\\x7f\\x85\xc2\xa0ä\n");
    free(text);
}

Test(config_faults, of_too_many_the_number_is_told)
{
    struct weir_faults faults;

    weir_faults_init(&faults, "f", PLENTY);
    for (size_t i = 1; i <= WEIR_FAULTS_MAX + 7; i++)
        weir_faults_add(&faults, (struct weir_place){.line = i, .column = 1}, "x");
    char *text = print(&faults);
    cr_expect_not_null(strstr(text, "f:1000:1: x\nf:1000:1: 7 more faults are not shown; "
                                    "mend these first\n"));
    cr_expect_null(strstr(text, "f:1001:"));
    free(text);
}

Test(config_faults, say_when_memory_runs_out)
{
    struct weir_faults faults;

    weir_faults_init(&faults, "f", 100);
    cr_expect(weir_faults_is_empty(&faults));
    for (size_t i = 0; i < 10; i++)
        weir_faults_add(&faults, (struct weir_place){.line = 1, .column = 1}, "xxxxxxxxxxxxxxx");
    cr_expect_not(weir_faults_is_empty(&faults));
    char *text = print(&faults);
    cr_expect_not_null(strstr(text, "f:1:1: out of memory\n"));
    free(text);
}

Test(config_faults, cut_long_quotes_between_characters)
{
    char text[200] = "";

    cr_expect_str_eq(weir_faults_quote("short").text, "short");
    cr_expect_str_eq(weir_faults_quote("").text, "");
    memset(text, 'x', 71);
    cr_expect_str_eq(weir_faults_quote(text).text, text);
    for (size_t i = 0; i < 60; i++)
        memcpy(text + 1 + 2 * i, "ä", 3);
    struct weir_quote quote = weir_faults_quote(text);
    cr_expect_lt(strlen(quote.text), sizeof(quote.text));
    cr_expect_str_eq(quote.text + strlen(quote.text) - 5, "ä…");
}
