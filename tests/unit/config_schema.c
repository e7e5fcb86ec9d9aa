#include "weir/config/schema.h"

#include <criterion/criterion.h>
#include <string.h>

/* The most keys of a section; src/config/fill.c has room for 32. */
#define KEYS_MAX 31

Test(config_schema, every_default_reads_and_comes_back)
{
    for (const struct weir_schema_row *row = weir_schema; row->name != NULL; row++) {
        struct weir_why why = {.text = ""};
        char text[WEIR_UNITS_TEXT_MAX];
        uint64_t value, again;
        bool is_special = row->preset == NULL || strcmp(row->preset, "null") == 0;
        if (!weir_schema_is_value(row) || is_special)
            continue;
        cr_expect(weir_schema_read(row, row->preset, &value, &why), "%s: %s", row->name, why.text);
        weir_schema_format(row, value, text);
        cr_expect(weir_schema_read(row, text, &again, &why), "%s: %s", row->name, why.text);
        cr_expect_eq(value, again, "%s", row->name);
    }
}

Test(config_schema, every_row_is_whole)
{
    for (const struct weir_schema_row *row = weir_schema; row->name != NULL; row++) {
        bool is_landed = row->pending == NULL;
        bool is_section = row->type == WEIR_SCHEMA_SECTION;
        cr_expect_not_null(row->help, "%s has no help", row->name);
        cr_expect_not(row->is_required && row->preset != NULL, "%s", row->name);
        cr_expect(!is_landed || is_section || row->has_field, "%s has no field", row->name);
        cr_expect(!is_landed || is_section || row->preset != NULL || row->is_required,
                  "%s has no default", row->name);
        cr_expect(row->type != WEIR_SCHEMA_WORD || row->words != NULL, "%s has no words",
                  row->name);
        cr_expect(row->depth <= row[-(row > weir_schema)].depth + 1, "%s is too deep", row->name);
    }
}

static void check_section(const struct weir_schema_row *section)
{
    size_t n = 0;

    for (const struct weir_schema_row *row = weir_schema_first(section); row != NULL;
         row = weir_schema_next(row)) {
        const struct weir_schema_row *nearest;
        cr_expect_eq(weir_schema_find(weir_schema_first(section), row->name, &nearest), row,
                     "%s is there twice", row->name);
        check_section(row);
        n++;
    }
    cr_expect_leq(n, KEYS_MAX);
}

Test(config_schema, no_key_is_there_twice)
{
    check_section(NULL);
}

Test(config_schema, finds_keys_and_those_that_were_meant)
{
    const struct weir_schema_row *nearest = NULL;
    const struct weir_schema_row *listeners = weir_schema_find(weir_schema_first(NULL), "listeners",
                                                               &nearest);

    cr_assert_not_null(listeners);
    cr_expect_null(weir_schema_find(weir_schema_first(listeners), "lisen", &nearest));
    cr_expect_str_eq(nearest->name, "listen");
    cr_expect_null(weir_schema_find(weir_schema_first(listeners), "xyzzy", &nearest));
    cr_expect_null(nearest);
    /* Keys of deeper sections are not this one's. */
    cr_expect_null(weir_schema_find(weir_schema_first(listeners), "header_bytes", &nearest));
}
