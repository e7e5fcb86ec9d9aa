/* A table of text with aligned columns. */
#ifndef WEIR_CLI_TABLE_H
#define WEIR_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct weir_table {
    size_t n_columns;
    struct weir_table_cell {
        char *text;
        bool is_right;
    } * cells; /* row by row, the titles first */
    size_t n_cells, size;
    bool has_failed; /* out of memory, sticky */
};

void weir_table_init(struct weir_table *table, size_t n_columns);
void weir_table_fini(struct weir_table *table);

/* The next cell; the rows follow one another. IS_RIGHT: it stands to the right of its column.
 * TEXT is clean (text.h). */
void weir_table_add(struct weir_table *table, bool is_right, const char *text);

/* Fails: false, when memory ran out on the way. */
bool weir_table_print(const struct weir_table *table, FILE *out);

#endif
