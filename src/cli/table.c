#include "table.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void weir_table_init(struct weir_table *table, size_t n_columns)
{
    *table = (struct weir_table){.n_columns = n_columns};
}

void weir_table_fini(struct weir_table *table)
{
    for (size_t i = 0; i < table->n_cells; i++)
        free(table->cells[i]);
    free(table->cells);
    weir_table_init(table, table->n_columns);
}

void weir_table_add(struct weir_table *table, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    int len;

    if (table->n_cells == table->size) {
        size_t size = table->size ? 2 * table->size : 64;
        char **grown = realloc(table->cells, size * sizeof(*grown));
        table->has_failed |= !grown;
        if (!grown)
            return;
        table->cells = grown;
        table->size = size;
    }
    va_start(arguments, format);
    len = vasprintf(&text, format, arguments);
    va_end(arguments);
    table->has_failed |= len < 0;
    if (len < 0)
        return;
    for (char *c = text; *c; c++) {
        if (iscntrl((unsigned char)*c))
            *c = '?';
    }
    table->cells[table->n_cells++] = text;
}

static bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789.%-")] == '\0';
}

static size_t width_of(const struct weir_table *table, size_t column)
{
    size_t width = 0;

    for (size_t i = column; i < table->n_cells; i += table->n_columns) {
        size_t len = strlen(table->cells[i]);
        width = len > width ? len : width;
    }
    return width;
}

/* A title stands as its column does. */
static bool is_right(const struct weir_table *table, size_t cell)
{
    size_t row = cell / table->n_columns, below = cell + table->n_columns;

    return is_number(table->cells[row == 0 && below < table->n_cells ? below : cell]);
}

bool weir_table_print(const struct weir_table *table, FILE *out)
{
    if (table->has_failed)
        return false;
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t column = i % table->n_columns;
        bool is_last = column + 1 == table->n_columns;
        int width = (int)width_of(table, column);

        if (is_right(table, i))
            fprintf(out, "%*s", width, table->cells[i]);
        else
            fprintf(out, "%-*s", is_last ? 0 : width, table->cells[i]);
        fputs(is_last ? "\n" : "  ", out);
    }
    return true;
}
