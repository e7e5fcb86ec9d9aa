/* What an operator tells a pool and its servers. Thread: control.
 *
 * Each of these holds from now on for whatever looks at it. What workers have in hand at this
 * moment they put in order when they are asked to sweep (weir_upstream_sweep, weir_upstream_flush):
 * after all of them have, a paused pool opens no connection any more. */
#ifndef WEIR_UPSTREAM_COMMAND_H
#define WEIR_UPSTREAM_COMMAND_H

#include "weir/upstream/pool.h"

/* Requests wait in the queue, connections close as they come free. */
void weir_pool_pause(struct weir_pool *pool);

/* They go on: whoever waits is given a place as far as there are any. */
void weir_pool_resume(const struct weir_pool_plan *plan);

/* Every connection that is open now closes as it comes free. */
void weir_pool_reconnect(struct weir_pool *pool);

/* Sets one server's state. Waiters whom no server takes any more are told; if it is up again, its
 * places go to those who wait. */
void weir_pool_set_server(const struct weir_pool_plan *plan, struct weir_server *server,
                          enum weir_admin_state state);

/* Connections of the pool, in whatever state, to servers that have left it, too, and places given
 * to waiters. Thread: control. */
unsigned weir_pool_connections(const struct weir_pool_plan *plan);

#endif
