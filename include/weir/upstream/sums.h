/* What the workers count of servers, added up. Thread: control. */
#ifndef WEIR_UPSTREAM_SUMS_H
#define WEIR_UPSTREAM_SUMS_H

#include "weir/upstream/server.h"

struct weir_pool;

/* All zero is a sum of nothing. */
struct weir_server_sums {
#define WEIR_SUM_FIELD(name, metric, meaning) uint64_t name;
    WEIR_SERVER_COUNTERS(WEIR_SUM_FIELD)
#undef WEIR_SUM_FIELD
    uint64_t closed[WEIR_CLOSE_REASON_COUNT];
    uint64_t idle;
    uint64_t requests_tcp; /* of requests_total, those to servers that are not Unix sockets */
    struct weir_histogram connect_us, response_us;
};

/* All of SLOTS' FIELD of an object added up. Gauges wrap around below zero in a slot and come right
 * in the sum. */
#define WEIR_SUM(object, field)                                                                    \
    ({                                                                                             \
        uint64_t sum_ = 0;                                                                         \
        for (unsigned slot_ = 0; slot_ < (object)->n_slots; slot_++)                               \
            sum_ += weir_counter_get(&(object)->slots[slot_].field);                               \
        sum_;                                                                                      \
    })

/* Adds a server's figures to SUMS. What was opened and what was closed are of one moment. */
void weir_server_sums_add(struct weir_server_sums *sums, struct weir_server *server);

/* Adds those of servers that have left the pool, so that its sums never fall. */
void weir_server_sums_add_departed(struct weir_server_sums *sums, const struct weir_pool *pool);

/* Adds FROM to TO. */
void weir_server_sums_merge(struct weir_server_sums *to, const struct weir_server_sums *from);

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

#endif
