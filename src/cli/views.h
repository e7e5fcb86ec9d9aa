/* The tables of figures: what `weir stats` prints and `weir top` shows, each a list of columns, and
 * each column a path into the JSON of /stats, or /connections. */
#ifndef WEIR_CLI_VIEWS_H
#define WEIR_CLI_VIEWS_H

#include <stddef.h>

/* LIMIT: a number, 0 is none. RATE: a counter's growth per second. SHARE: a counter's growth as a
 * part of another's, PATH and OF. NAME, OWNER: no path, the row's and its pool's. */
enum weir_column_kind {
    WEIR_COLUMN_NAME,
    WEIR_COLUMN_OWNER,
    WEIR_COLUMN_TEXT,
    WEIR_COLUMN_FLAG,
    WEIR_COLUMN_LIST,
    WEIR_COLUMN_NUMBER,
    WEIR_COLUMN_RATIO,
    WEIR_COLUMN_LIMIT,
    WEIR_COLUMN_RATE,
    WEIR_COLUMN_SHARE,
};

/* Where a column is shown. */
enum { WEIR_IN_STATS = 1, WEIR_IN_TOP = 2, WEIR_IN_BOTH = 3 };

struct weir_column {
    const char *title; /* NULL ends a list */
    enum weir_column_kind kind;
    unsigned in;
    const char *path, *of;
};

struct weir_view {
    const char *name; /* and the key in the JSON; that of servers is in each pool */
    const struct weir_column *columns;
};

/* All but the connections are of /stats. */
enum { WEIR_VIEW_SERVERS = 1, WEIR_VIEW_CONNECTIONS = 4, WEIR_VIEWS = 5 };

extern const struct weir_view weir_views[WEIR_VIEWS];

/* NULL: there is none of this name. */
const struct weir_view *weir_view_find(const char *name);

#endif
