#include "weir/config/config.h"
#include "weir/config/schema.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MANUAL WEIR_SOURCE_DIR "/docs/configuration.md"
#define MARK "<!-- Generated from src/config/schema_table.c: all below this line. -->\n"

static char *print(void)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    weir_config_print_reference(out);
    fclose(out);
    return text;
}

static char *read_manual(void)
{
    static char text[256 * 1024];
    FILE *file = fopen(MANUAL, "r");

    cr_assert_not_null(file, MANUAL);
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    cr_assert_lt(len, sizeof(text) - 1);
    fclose(file);
    text[len] = '\0';
    return text;
}

/* With WEIR_UPDATE_DOCS in the environment the manual is brought up to date first. */
static void update(const char *manual, const char *mark, const char *reference)
{
    FILE *file = fopen(MANUAL, "w");

    cr_assert_not_null(file, MANUAL);
    fprintf(file, "%.*s%s%s", (int)(mark - manual), manual, MARK, reference);
    fclose(file);
}

Test(config_reference, the_manual_has_it)
{
    char *manual = read_manual();
    char *reference = print();
    char *mark = strstr(manual, MARK);

    cr_assert_not_null(mark, "no mark in " MANUAL);
    if (getenv("WEIR_UPDATE_DOCS") != NULL)
        update(manual, mark, reference);
    else
        cr_expect(strcmp(mark + strlen(MARK), reference) == 0,
                  MANUAL " is out of date; run the unit test config_reference with "
                         "WEIR_UPDATE_DOCS=1 in the environment");
    free(reference);
}

Test(config_reference, names_every_key_its_default_and_meaning)
{
    char *reference = print();

    for (const struct weir_schema_row *row = weir_schema; row->name != NULL; row++) {
        char *line = NULL;
        cr_assert_geq(asprintf(&line, "%s%s |\n",
                               row->pending == NULL ? "| " : "| **Not landed.** ", row->help),
                      0);
        cr_expect_not_null(strstr(reference, line), "%s: %s", row->name, line);
        free(line);
    }
    cr_expect_not_null(strstr(reference, "\n### `pools.NAME.servers[]`\n"));
    cr_expect_not_null(strstr(reference, "\n### `listeners.NAME.timeouts`\n"));
    cr_expect_not_null(strstr(reference, "| `idle_timeout` | duration or `off` | `55s` | "));
    free(reference);
}
