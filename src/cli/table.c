#include "table.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

void weir_table_init(struct weir_table *table, size_t n_columns)
{
    *table = (struct weir_table){.n_columns = n_columns};
}

void weir_table_fini(struct weir_table *table)
{
    for (size_t i = 0; i < table->n_cells; i++)
        free(table->cells[i].text);
    free(table->cells);
    weir_table_init(table, table->n_columns);
}

void weir_table_add(struct weir_table *table, bool is_right, const char *text)
{
    struct weir_table_cell *cell;

    if (table->n_cells == table->size) {
        size_t size = table->size ? 2 * table->size : 64;
        struct weir_table_cell *grown = realloc(table->cells, size * sizeof(*grown));
        table->has_failed |= !grown;
        if (!grown)
            return;
        table->cells = grown;
        table->size = size;
    }
    cell = &table->cells[table->n_cells];
    cell->text = strdup(text);
    cell->is_right = is_right;
    table->has_failed |= !cell->text;
    table->n_cells += cell->text != NULL;
}

static size_t width_of(const struct weir_table *table, size_t column)
{
    size_t width = 0;

    for (size_t i = column; i < table->n_cells; i += table->n_columns) {
        size_t here = weir_text_width(table->cells[i].text);
        width = here > width ? here : width;
    }
    return width;
}

bool weir_table_print(const struct weir_table *table, FILE *out)
{
    size_t *widths = calloc(table->n_columns + 1, sizeof(*widths));
    bool done = widths && !table->has_failed && table->n_columns > 0;

    for (size_t i = 0; i < table->n_columns && done; i++)
        widths[i] = width_of(table, i);
    for (size_t i = 0; i < table->n_cells && done; i++) {
        const struct weir_table_cell *cell = &table->cells[i];
        size_t column = i % table->n_columns;
        bool is_last = column + 1 == table->n_columns;
        int gap = (int)(widths[column] - weir_text_width(cell->text));

        if (cell->is_right)
            fprintf(out, "%*s%s", gap, "", cell->text);
        else
            fprintf(out, "%s%*s", cell->text, is_last ? 0 : gap, "");
        fputs(is_last ? "\n" : "  ", out);
    }
    free(widths);
    return done;
}
