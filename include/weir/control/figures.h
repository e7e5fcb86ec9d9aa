/* What the workers count, added up: what /stats and /metrics are printed from. Thread: control. */
#ifndef WEIR_CONTROL_FIGURES_H
#define WEIR_CONTROL_FIGURES_H

#include "weir/control/control.h"
#include "weir/upstream/sums.h"

#define WEIR_SUM_FIELD(name, metric, meaning) uint64_t name;

/* All zero is a sum of nothing. */
struct weir_listener_sums {
    WEIR_LISTENER_COUNTERS(WEIR_SUM_FIELD)
};

struct weir_pool_sums {
    WEIR_POOL_COUNTERS(WEIR_SUM_FIELD)
    struct weir_histogram queue_us;
};
#undef WEIR_SUM_FIELD

/* Adds an object's figures to SUMS. */
void weir_listener_sums_add(struct weir_listener_sums *sums, const struct weir_listener *listener);
void weir_pool_sums_add(struct weir_pool_sums *sums, const struct weir_pool *pool);

/* For how long the longest waiter has waited; 0: nobody waits. */
uint64_t weir_pool_oldest_ms(struct weir_pool *pool);

/* What is known of the server's limits, or, while nothing was learned, the configuration's. */
uint64_t weir_figure_idle_timeout_ms(const struct weir_lesson *lesson, uint64_t limit_ms);
/* 0: none is known. */
uint64_t weir_figure_max_requests(const struct weir_lesson *lesson);

/* The generation, and its revision, that every worker has come to: they switch one by one. */
unsigned weir_figure_generation(const struct weir_control *control);
unsigned weir_figure_revision(const struct weir_control *control);

#endif
