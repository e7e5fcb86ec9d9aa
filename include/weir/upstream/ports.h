/* Local ports: where connections are opened from, and what happens when no port is left.
 *
 * A connection is told from others by both its ends, so towards one server each local address has
 * as many connections as the host has local ports. When they are used up that is no fault of the
 * server: it gets no new connections for a pause, its idle ones are used as before, and who finds
 * none waits in the queue. The pause is a second, twice as long each time until one connection can
 * be opened again, four seconds at most. A connection that ends with a reset leaves its port at
 * once: then one more may be opened whatever the pause (weir_server_give_port).
 *
 * No wake-up is lost: whoever is refused waits first and then looks again (waitq.h); the pause's
 * end is said first, and then waiters are looked for. */
#ifndef WEIR_UPSTREAM_PORTS_H
#define WEIR_UPSTREAM_PORTS_H

#include "weir/base/error.h"
#include "weir/net/stream.h"
#include "weir/upstream/pool.h"

enum { WEIR_PORTS_HOLD_MS = 1000, WEIR_PORTS_HOLD_MS_MAX = 4000 };

/* The pool's TURN-th source of FAMILY, starting over behind the last; NULL when it has none of that
 * family. Pure. */
const struct weir_address *weir_ports_source(const struct weir_config_pool *pool,
                                             sa_family_t family, size_t turn);
size_t weir_ports_count_sources(const struct weir_config_pool *pool, sa_family_t family);

/* How long the next pause is, after one of LAST_MS; 0: none. Pure. */
uint64_t weir_ports_next_hold_ms(uint64_t last_ms);

/* Starts a connection to SERVER from the next source of the plan's pool, or from one after that
 * while ports have run out. Where the server is a Unix socket whose queue is full, the stream has
 * no descriptor (-1) yet: try again soon. Fails: WEIR_NO_PORT, and the server is held;
 * WEIR_BAD_SOURCE, WEIR_NO_SOCKET or WEIR_CONNECT_FAILED; each is logged. Thread: the worker's. */
enum weir_error weir_ports_connect(struct weir_upstream *upstream,
                                   const struct weir_pool_plan *plan, struct weir_server *server,
                                   struct weir_stream *stream);

/* Ends the pauses that this worker has begun; for the worker's own end. Thread: the worker's. */
void weir_ports_end_holds(struct weir_upstream *upstream);

#endif
