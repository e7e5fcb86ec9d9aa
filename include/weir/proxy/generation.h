/* A generation: one configuration with everything derived from it, immutable while it is in force.
 *
 * Counted twice, so that the path of a request needs no atomic: `references` counts control and
 * each worker that still uses it; a worker counts its own exchanges in its slot. */
#ifndef WEIR_PROXY_GENERATION_H
#define WEIR_PROXY_GENERATION_H

#include "weir/base/spool.h"
#include "weir/config/config.h"
#include "weir/net/loop.h"
#include "weir/proxy/listener.h"
#include "weir/proxy/route.h"
#include "weir/upstream/registry.h"

struct weir_listener_plan {
    const struct weir_config_listener *config;
    struct weir_listener *listener;
    struct weir_address *addresses; /* of config->listen, resolved; as many */
    struct weir_routes routes;
    const struct weir_pool_plan *fallback; /* NULL: 404 */
};

/* Is PEER one of its trusted peers? */
bool weir_listener_plan_trusts(const struct weir_listener_plan *plan,
                               const struct weir_address *peer);

struct weir_generation_slot {
    unsigned uses; /* by this worker's exchanges, and 1 while it is the worker's current one */
} __attribute__((aligned(64)));

struct weir_generation {
    atomic_uint references;
    struct weir_loop *home; /* control's, where it ends: with thousands of servers that takes longer
                               than a worker has time */
    struct weir_task end;
    unsigned number;   /* of the configuration: 1 is the first */
    unsigned revision; /* counts as well what changed behind the names of one configuration */
    struct weir_config *config;
    struct weir_pool_plan *plans;
    struct weir_listener_plan *listeners;
    size_t n_listeners;
    struct weir_spool *access_log; /* referenced; NULL: off. Control gives it, before any worker
                                      has the generation */
    struct weir_generation_slot slots[];
};

/* What a generation is built from, beside its configuration. */
struct weir_generation_base {
    struct weir_loop *loop; /* the caller's */
    unsigned n_workers;
    struct weir_registry *registry;
    const struct weir_book *book;           /* what is known of the servers' names */
    const struct weir_generation *previous; /* whose listeners go on by name; or NULL */
};

/* Builds the next generation from CONFIG, or, when that is the previous one's, another revision,
 * with what the book says now. Owns: CONFIG in any case; one reference for the caller.
 * Thread: control. Blocks: on DNS, for listeners that have names, unless it is a revision.
 * Fails: NULL, and FAULT is a line for people. */
struct weir_generation *weir_generation_build(struct weir_config *config,
                                              const struct weir_generation_base *base, char *fault,
                                              size_t fault_size);
struct weir_generation *weir_generation_ref(struct weir_generation *generation);
void weir_generation_unref(struct weir_generation *generation);

/* What it says of POOL; NULL: it does not list it. */
const struct weir_pool_plan *weir_generation_find_pool(const struct weir_generation *generation,
                                                       const struct weir_pool *pool);

/* A worker's own counting: the first use takes a reference, the last gives it back, and if nobody
 * has one any more the generation ends on control's loop. Thread: the worker's. */
void weir_generation_use(struct weir_generation *generation, unsigned worker);
void weir_generation_leave(struct weir_generation *generation, unsigned worker);

#endif
