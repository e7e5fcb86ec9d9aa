/* What the workers count, added up: what /stats and /metrics are printed from. Thread: control. */
#ifndef WEIR_CONTROL_FIGURES_H
#define WEIR_CONTROL_FIGURES_H

#include "weir/control/control.h"

#define WEIR_SUM_FIELD(name, metric, meaning) uint64_t name;

/* All zero is a sum of nothing. */
struct weir_listener_sums {
    WEIR_LISTENER_COUNTERS(WEIR_SUM_FIELD)
};

struct weir_server_sums {
    WEIR_SERVER_COUNTERS(WEIR_SUM_FIELD)
    uint64_t closed[WEIR_CLOSE_REASON_COUNT];
    uint64_t idle;
    uint64_t requests_tcp; /* of requests_total, those to servers that are not Unix sockets */
    struct weir_histogram connect_us, response_us;
};

struct weir_pool_sums {
    WEIR_POOL_COUNTERS(WEIR_SUM_FIELD)
    struct weir_histogram queue_us;
};
#undef WEIR_SUM_FIELD

/* All of SLOTS' FIELD of an object added up. Gauges wrap around below zero in a slot and come right
 * in the sum. */
#define WEIR_SUM(object, field)                                                                    \
    ({                                                                                             \
        uint64_t sum_ = 0;                                                                         \
        for (unsigned slot_ = 0; slot_ < (object)->n_slots; slot_++)                               \
            sum_ += weir_counter_get(&(object)->slots[slot_].field);                               \
        sum_;                                                                                      \
    })

/* Adds an object's figures to SUMS. */
void weir_listener_sums_add(struct weir_listener_sums *sums, const struct weir_listener *listener);
/* What was opened and what was closed are of one moment. */
void weir_server_sums_add(struct weir_server_sums *sums, struct weir_server *server);
void weir_pool_sums_add(struct weir_pool_sums *sums, const struct weir_pool *pool);

/* The connections that are open, each in one state. */
struct weir_open_sums {
    uint64_t idle, active, connecting;
};

/* The figures are read one after another while the workers go on. What was opened and what was
 * closed are counts, and never go back; what is left between them is shared out here, so that all
 * of it adds up. */
struct weir_open_sums weir_server_sums_open(const struct weir_server_sums *sums);

/* Requests that would each have left a TIME_WAIT, less those that did; a Unix socket has none. */
int64_t weir_server_sums_avoided(const struct weir_server_sums *sums);

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
