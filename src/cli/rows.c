#include "rows.h"

#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool weir_column_is_number(const struct weir_column *column)
{
    return column->kind >= WEIR_COLUMN_NUMBER;
}

/* The cell's text; without it, `-`. */
static void say(struct weir_rows *rows, struct weir_cell *cell, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct weir_rows *rows, struct weir_cell *cell, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&cell->text, format, arguments) < 0)
        cell->text = NULL;
    va_end(arguments);
    if (cell->text)
        weir_text_clean(cell->text, rows->is_ascii);
    rows->has_failed |= !cell->text;
    cell->is_known = true;
}

static void say_words(struct weir_rows *rows, struct weir_cell *cell, const char *words)
{
    if (words && *words)
        say(rows, cell, "%s", words);
}

static void say_list(struct weir_rows *rows, struct weir_cell *cell, const json_t *list)
{
    char text[1024] = "";
    size_t len = 0;

    for (size_t i = 0; i < json_array_size(list) && len < sizeof(text); i++) {
        const char *item = json_string_value(json_array_get(list, i));
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? "," : "",
                                item ? item : "?");
    }
    say_words(rows, cell, text);
}

static void say_number(struct weir_rows *rows, struct weir_cell *cell,
                       const struct weir_column *column, const json_t *value)
{
    if (!json_is_number(value))
        return;
    cell->is_number = true;
    cell->number = json_number_value(value);
    if (column->kind == WEIR_COLUMN_RATIO)
        say(rows, cell, "%.2f%%", 100 * cell->number);
    else if (json_is_real(value))
        say(rows, cell, "%.1f", cell->number);
    else if (column->kind != WEIR_COLUMN_LIMIT || cell->number > 0)
        say(rows, cell, "%lld", (long long)json_integer_value(value));
}

static void say_rate(struct weir_rows *rows, struct weir_cell *cell,
                     const struct weir_column *column, const struct weir_span *span)
{
    bool is_share = column->kind == WEIR_COLUMN_SHARE;

    if (is_share ? !weir_rate_share(span, column->path, column->of, &cell->number)
                 : !weir_rate(span, column->path, &cell->number))
        return;
    cell->is_number = true;
    if (is_share)
        say(rows, cell, "%.2f%%", 100 * cell->number);
    else
        say(rows, cell, cell->number < 9.95 && cell->number > 0 ? "%.1f" : "%.0f", cell->number);
}

static void fill_cell(struct weir_rows *rows, struct weir_cell *cell,
                      const struct weir_column *column, const char *owner, const char *name,
                      const struct weir_span *span)
{
    const json_t *value = column->path ? weir_json_find(span->now, column->path) : NULL;

    switch (column->kind) {
    case WEIR_COLUMN_NAME:
    case WEIR_COLUMN_OWNER:
        say_words(rows, cell, column->kind == WEIR_COLUMN_NAME ? name : owner);
        break;
    case WEIR_COLUMN_TEXT:
        say_words(rows, cell, json_string_value(value));
        break;
    case WEIR_COLUMN_FLAG:
        if (json_is_boolean(value))
            say(rows, cell, "%s", json_is_true(value) ? "yes" : "no");
        break;
    case WEIR_COLUMN_LIST:
        say_list(rows, cell, value);
        break;
    case WEIR_COLUMN_RATE:
    case WEIR_COLUMN_SHARE:
        say_rate(rows, cell, column, span);
        break;
    default:
        say_number(rows, cell, column, value);
    }
    if (!cell->text)
        say(rows, cell, "-"), cell->is_known = false;
}

static bool has_room(struct weir_rows *rows)
{
    size_t needed = (rows->n_rows + 1) * rows->n_columns, size = 2 * needed;
    struct weir_cell *cells;

    if (needed <= rows->size)
        return true;
    cells = realloc(rows->cells, size * sizeof(*cells));
    rows->has_failed |= !cells;
    if (!cells)
        return false;
    rows->cells = cells;
    rows->size = size;
    return true;
}

static void add_row(struct weir_rows *rows, const struct weir_view *view, const char *owner,
                    const char *name, struct weir_span span)
{
    struct weir_cell *cells;

    if (!has_room(rows))
        return;
    span = weir_span_of_object(span, view);
    cells = &rows->cells[rows->n_rows++ * rows->n_columns];
    memset(cells, 0, rows->n_columns * sizeof(*cells));
    for (size_t i = 0; i < rows->n_columns; i++)
        fill_cell(rows, &cells[i], rows->columns[i], owner, name, &span);
}

/* A row for each of SPAN's objects. */
static void add_rows(struct weir_rows *rows, const struct weir_view *view, const char *owner,
                     const struct weir_span *span)
{
    const char *name;
    json_t *now;

    for (size_t i = 0; i < json_array_size(span->now); i++)
        add_row(rows, view, owner, "", (struct weir_span){NULL, json_array_get(span->now, i), 0});
    json_object_foreach((json_t *)span->now, name, now)
    {
        add_row(rows, view, owner, name,
                (struct weir_span){json_object_get(span->before, name), now, span->seconds});
    }
}

void weir_rows_init(struct weir_rows *rows, const struct weir_view *view, unsigned in,
                    const struct weir_span *span, bool is_ascii)
{
    struct weir_span all = weir_span_of_run(*span);
    const char *path = view == &weir_views[WEIR_VIEW_SERVERS] ? "pools" : view->name, *pool;
    struct weir_span here = {weir_json_find(all.before, path), weir_json_find(all.now, path),
                             all.seconds};
    json_t *object;

    *rows = (struct weir_rows){.is_ascii = is_ascii};
    for (const struct weir_column *column = view->columns; column->title; column++) {
        if (column->in & in && rows->n_columns < WEIR_COLUMNS_MAX)
            rows->columns[rows->n_columns++] = column;
    }
    if (rows->n_columns == 0)
        return;
    if (view != &weir_views[WEIR_VIEW_SERVERS]) {
        add_rows(rows, view, "", &here);
        return;
    }
    json_object_foreach((json_t *)here.now, pool, object)
    {
        struct weir_span servers = {json_object_get(json_object_get(here.before, pool), "servers"),
                                    json_object_get(object, "servers"), all.seconds};
        add_rows(rows, view, pool, &servers);
    }
}

void weir_rows_fini(struct weir_rows *rows)
{
    for (size_t i = 0; i < rows->n_rows * rows->n_columns; i++)
        free(rows->cells[i].text);
    free(rows->cells);
    *rows = (struct weir_rows){.n_rows = 0};
}

const struct weir_cell *weir_rows_cell(const struct weir_rows *rows, size_t row, size_t column)
{
    return &rows->cells[row * rows->n_columns + column];
}

/* Does A stand behind B? */
static bool is_behind(const struct weir_cell *a, const struct weir_cell *b, bool is_descending)
{
    int order;

    if (!a->is_known || !b->is_known)
        return !a->is_known && b->is_known;
    if (a->is_number && b->is_number)
        order = (a->number > b->number) - (a->number < b->number);
    else
        order = strverscmp(a->text, b->text);
    return is_descending ? order < 0 : order > 0;
}

struct sorted {
    const struct weir_rows *rows;
    size_t column, row;
    bool is_descending;
};

static int compare(const void *left, const void *right)
{
    const struct sorted *a = left, *b = right;
    const struct weir_cell *one = weir_rows_cell(a->rows, a->row, a->column);
    const struct weir_cell *other = weir_rows_cell(a->rows, b->row, a->column);

    if (is_behind(one, other, a->is_descending))
        return 1;
    if (is_behind(other, one, a->is_descending))
        return -1;
    return a->row < b->row ? -1 : a->row > b->row;
}

void weir_rows_sort(struct weir_rows *rows, size_t column, bool is_descending)
{
    struct sorted *order = NULL;
    struct weir_cell *cells = NULL;

    if (rows->has_failed || rows->n_rows == 0 || column >= rows->n_columns)
        return;
    order = calloc(rows->n_rows, sizeof(*order));
    cells = calloc(rows->size, sizeof(*cells));
    if (!order || !cells) {
        rows->has_failed = true;
        free(cells);
        goto out;
    }
    for (size_t i = 0; i < rows->n_rows; i++)
        order[i] = (struct sorted){rows, column, i, is_descending};
    qsort(order, rows->n_rows, sizeof(*order), compare);
    for (size_t i = 0; i < rows->n_rows; i++)
        memcpy(&cells[i * rows->n_columns], weir_rows_cell(rows, order[i].row, 0),
               rows->n_columns * sizeof(*cells));
    free(rows->cells);
    rows->cells = cells;
out:
    free(order);
}
