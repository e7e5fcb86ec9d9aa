#include "weir/upstream/upconn.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

struct kept_row {
    const char *what;
    uint64_t requests, idle_since_ms; /* REQUESTS: the one that it carries now included */
    bool was_kept;
};

static struct kept_row rows[] = {
    {"opened for this request", 1, 0, false},
    {"has carried another, and was idle", 2, 500, true},
    {"has carried another, and went from hand to hand", 2, 0, true},
    {"opened ahead of need, and was idle", 1, 500, true},
    {"opened ahead of need, and went to a waiter at once", 1, 0, false},
};

ParameterizedTestParameters(upstream_kept, rows)
{
    return cr_make_param_array(struct kept_row, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct kept_row *row, upstream_kept, rows)
{
    struct weir_upconn upconn = {
        .life = {.requests = row->requests, .idle_since_ms = row->idle_since_ms}};

    cr_expect_eq(weir_upconn_was_kept(&upconn), row->was_kept, "%s", row->what);
}
