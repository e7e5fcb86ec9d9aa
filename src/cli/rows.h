/* A view's rows, each cell as text and as what it is sorted by. */
#ifndef WEIR_CLI_ROWS_H
#define WEIR_CLI_ROWS_H

#include "rates.h"
#include "views.h"

#include <stdbool.h>
#include <stddef.h>

struct weir_cell {
    char *text; /* clean; `-` when nothing is known */
    bool is_number, is_known;
    double number;
};

enum { WEIR_COLUMNS_MAX = 48 };

struct weir_rows {
    const struct weir_column *columns[WEIR_COLUMNS_MAX];
    size_t n_columns, n_rows, size;
    struct weir_cell *cells;   /* row by row */
    bool is_ascii, has_failed; /* out of memory, sticky */
};

/* The rows of VIEW in SPAN of all of /stats, with the columns that are shown IN. IS_ASCII: no other
 * characters. Fails: has_failed. weir_rows_fini is due either way. */
void weir_rows_init(struct weir_rows *rows, const struct weir_view *view, unsigned in,
                    const struct weir_span *span, bool is_ascii);
void weir_rows_fini(struct weir_rows *rows);

/* Numbers by size, words as people sort names with numbers in them; what is not known comes last
 * whatever the direction, and equal rows stay as they are. */
void weir_rows_sort(struct weir_rows *rows, size_t column, bool is_descending);

const struct weir_cell *weir_rows_cell(const struct weir_rows *rows, size_t row, size_t column);

/* Does a column of this kind stand to the right? */
bool weir_column_is_number(const struct weir_column *column);

#endif
