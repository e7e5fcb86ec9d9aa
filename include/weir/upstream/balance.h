/* Which server a request goes to. */
#ifndef WEIR_UPSTREAM_BALANCE_H
#define WEIR_UPSTREAM_BALANCE_H

#include "weir/upstream/pool.h"

/* What the choice is made from, one row a server. */
struct weir_candidate {
    uint64_t weight;
    unsigned load; /* connections in use, over all workers */
    bool has_room; /* it has an idle connection, or may open one */
    bool has_idle;
    bool is_avoided; /* this request has failed there */
};

/* Smooth weighted round robin (each turn every server gains its weight, the one with most is chosen
 * and pays the sum), over the servers that have room. TURNS has N numbers, zero at first.
 * Returns the index, or N when no server has room. Pure but for TURNS. */
size_t weir_balance_round_robin(const struct weir_candidate *candidates, size_t n, int64_t *turns);

/* The least load for its weight; among equals one with an idle connection, then the first after
 * START. Returns the index, or N. Pure. */
size_t weir_balance_least_connections(const struct weir_candidate *candidates, size_t n,
                                      size_t start);

/* The choice for a ticket as its plan says, or NULL when no server has room. Servers that the
 * ticket avoids are taken only if no other has room. Thread: the ticket's worker. */
struct weir_server *weir_balance_choose(struct weir_ticket *ticket);

#endif
