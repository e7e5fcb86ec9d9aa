/* What follows when requests fail at a server: it is ejected for a while, its connections are
 * retired, and those who wait look elsewhere. */
#ifndef WEIR_UPSTREAM_OUTLIER_H
#define WEIR_UPSTREAM_OUTLIER_H

#include "weir/upstream/pool.h"

/* A connection could not be made, or weir had to answer for the server. A race on a kept connection
 * says nothing of the kind. Thread: the worker's. */
void weir_outlier_failed(struct weir_upstream *upstream, const struct weir_pool_plan *plan,
                         struct weir_server *server);

/* The server answered a request that was sent at SENT_MS. Thread: the worker's. */
void weir_outlier_succeeded(const struct weir_pool_plan *plan, struct weir_server *server,
                            uint64_t sent_ms, uint64_t now_ms);

/* Is any of the plan's servers neither in trouble nor set aside by an operator? */
bool weir_outlier_has_well(const struct weir_pool_plan *plan);

/* A worker that ejects a server also tells those who wait when it is back. No more of that, for the
 * worker's own end. Idempotent. Thread: the worker's. */
void weir_outlier_stop(struct weir_upstream *upstream);

#endif
