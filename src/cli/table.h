/* A table of text with aligned columns: numbers to the right, words to the left. */
#ifndef WEIR_CLI_TABLE_H
#define WEIR_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct weir_table {
    size_t n_columns;
    char **cells; /* row by row, the titles first */
    size_t n_cells, size;
    bool has_failed; /* out of memory, sticky */
};

void weir_table_init(struct weir_table *table, size_t n_columns);
void weir_table_fini(struct weir_table *table);

/* The next cell; the rows follow one another. Control characters become `?`. */
void weir_table_add(struct weir_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fails: false, when memory ran out on the way. */
bool weir_table_print(const struct weir_table *table, FILE *out);

#endif
