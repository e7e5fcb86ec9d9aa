#include "weir/config/config.h"
#include "weir/config/schema.h"

/* The names of a section's place in the manual. */
struct heading {
    const struct heading *up;
    const struct weir_schema_row *section;
};

static void print_heading_path(const struct heading *heading, FILE *out)
{
    if (heading->up != NULL) {
        print_heading_path(heading->up, out);
        fputc('.', out);
    }
    fputs(heading->section->name, out);
    if (heading->section->type == WEIR_SCHEMA_NAMED)
        fputs(".NAME", out);
    else if (heading->section->type == WEIR_SCHEMA_SECTIONS)
        fputs("[]", out);
}

/* Text inside a table's cell, where a bar would end it. */
static void print_cell(const char *text, FILE *out)
{
    fputs(" ", out);
    for (; *text != '\0'; text++)
        fprintf(out, "%s%c", *text == '|' ? "\\" : "", *text);
    fputs(" |", out);
}

static void print_row(const struct weir_schema_row *row, FILE *out)
{
    struct weir_why preset = {.text = ""};

    if (row->preset != NULL)
        weir_why_set(&preset, "`%s`", row->preset);
    else if (row->type == WEIR_SCHEMA_SECTION)
        weir_why_set(&preset, "%s", !row->has_field ? "" : "absent");
    else
        weir_why_set(&preset, "required");
    fprintf(out, "| `%s` |", row->name);
    print_cell(weir_schema_describe_values(row).text, out);
    print_cell(preset.text, out);
    if (row->pending != NULL)
        fputs(" **Not landed.**", out);
    print_cell(row->help, out);
    fputc('\n', out);
}

static void print_table(const struct weir_schema_row *first, const struct heading *up, FILE *out)
{
    fputs("\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n", out);
    for (const struct weir_schema_row *row = first; row != NULL; row = weir_schema_next(row))
        print_row(row, out);
    for (const struct weir_schema_row *row = first; row != NULL; row = weir_schema_next(row)) {
        const struct heading heading = {.up = up, .section = row};
        if (weir_schema_first(row) == NULL)
            continue;
        fputs("\n### `", out);
        print_heading_path(&heading, out);
        fprintf(out, "`\n\n%s\n", row->help);
        print_table(weir_schema_first(row), &heading, out);
    }
}

void weir_config_print_reference(FILE *out)
{
    fputs("## All keys\n", out);
    print_table(weir_schema_first(NULL), NULL, out);
}
