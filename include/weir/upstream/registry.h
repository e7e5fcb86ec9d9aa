/* All pools and servers by name, from generation to generation. Thread: control only. */
#ifndef WEIR_UPSTREAM_REGISTRY_H
#define WEIR_UPSTREAM_REGISTRY_H

#include "weir/upstream/book.h"
#include "weir/upstream/pool.h"

struct weir_registry;

struct weir_registry *weir_registry_create(unsigned n_workers);
/* Drops its references; connections that still close keep what they need. */
void weir_registry_destroy(struct weir_registry *registry);

/* Fills PLANS, one for each pool of CONFIG: pools and servers that are known already are used
 * again. What stands behind names is in BOOK (NULL: nothing is known); a name with `srv` of which
 * nothing is known has no servers, any other makes it fail. An address that a pool has twice counts
 * once, as it stands first. Fails: false, *fault is a line for people, and no plan is left. */
bool weir_registry_plan(struct weir_registry *registry, const struct weir_config *config,
                        const struct weir_book *book, struct weir_pool_plan *plans, char *fault,
                        size_t fault_size);

/* Frees what weir_registry_plan filled in. Thread: any. */
void weir_pool_plan_fini(struct weir_pool_plan *plan);

/* These plans are in force: their limits hold, pools that none of them lists are forgotten, and
 * servers retired. A pool remembers some of those that have left: one that comes back is what it
 * was to operators and figures. */
void weir_registry_settle(struct weir_registry *registry, const struct weir_pool_plan *plans,
                          size_t n_plans);

#endif
