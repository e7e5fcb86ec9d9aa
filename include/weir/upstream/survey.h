/* What one worker's upstream connections are at a moment: written down on its thread, read on
 * another. */
#ifndef WEIR_UPSTREAM_SURVEY_H
#define WEIR_UPSTREAM_SURVEY_H

#include "weir/upstream/upconn.h"

enum { WEIR_SURVEY_ROWS_MAX = 10000 };

struct weir_survey_row {
    uint64_t id;
    enum weir_upconn_state state;
    struct weir_pool *pool;     /* referenced */
    struct weir_server *server; /* referenced */
    uint64_t age_ms;
    int64_t idle_ms; /* -1: it is not idle */
    int64_t rtt_us;  /* the kernel's smoothed one; -1: none is known */
    uint64_t requests, bytes_in, bytes_out;
};

/* All zero is empty. */
struct weir_survey {
    bool is_truncated; /* there are more, or memory ran out */
    size_t n_rows, n_poisons;
    struct weir_survey_row *rows; /* the oldest first */
    struct weir_poison poisons[WEIR_POISONS_KEPT];
};

/* Writes down UPSTREAM's connections that are not closing. Costs a system call a row.
 * Thread: the worker's. */
void weir_survey_take(struct weir_survey *survey, struct weir_upstream *upstream);

/* Thread: any. */
void weir_survey_fini(struct weir_survey *survey);

#endif
