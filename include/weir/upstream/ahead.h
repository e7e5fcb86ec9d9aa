/* Connections opened ahead of need: `min_idle` of them are kept idle at each server.
 *
 * Each worker takes a look about ten times a second, as long as a pool of its generation wants any,
 * and opens at most one for each server; pace.h says when, over all workers. What it opens is
 * released to the pool like any other that comes free. */
#ifndef WEIR_UPSTREAM_AHEAD_H
#define WEIR_UPSTREAM_AHEAD_H

#include "weir/upstream/upconn.h"

/* From now on these are the plans that the looks go by; N 0: none. They are borrowed until the next
 * such call. Does not open anything itself. Thread: the worker's. */
void weir_ahead_start(struct weir_upstream *upstream, const struct weir_pool_plan *plans, size_t n);

/* One look. Thread: the worker's. */
void weir_ahead_look(struct weir_upstream *upstream);

/* No more looks. What is being opened already, weir_upstream_sweep closes. Idempotent. */
void weir_ahead_stop(struct weir_upstream *upstream);

#endif
