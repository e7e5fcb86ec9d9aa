/* Which server a request goes to.
 *
 * First the aim: which servers are right for it at all, whether they have room or not. Then the
 * method picks one of these that has room; when none has, the request waits for one of them. */
#ifndef WEIR_UPSTREAM_BALANCE_H
#define WEIR_UPSTREAM_BALANCE_H

#include "weir/upstream/pool.h"

/* What the choice is made from, one row a server. */
struct weir_candidate {
    uint64_t weight;
    unsigned load; /* connections in use, over all workers */
    bool has_room; /* it is aimed at, and has an idle connection or may open one */
    bool has_idle;
};

/* Looks at one server after the other, only at those that matter. */
struct weir_candidates {
    struct weir_candidate (*at)(const void *of, size_t index);
    const void *of;
};

/* The servers a request may go to that has failed at N_AVOID of them: those that are well, no
 * backups, and where it has not failed; if there are none, the backups; if there are none either,
 * the same of those in trouble; and at last all of that again wherever it has failed. Never one
 * that an operator has set aside. Room does not matter: a full server keeps its requests waiting.
 */
struct weir_aim weir_balance_aim(const struct weir_pool_plan *plan,
                                 struct weir_server *const *avoid, unsigned n_avoid);

/* Does A point at servers to be preferred to those that B points at? */
bool weir_aim_is_better(const struct weir_aim *a, const struct weir_aim *b);

/* Is server number INDEX of the plan one of them, whatever an operator says? */
bool weir_aim_has(const struct weir_aim *aim, const struct weir_pool_plan *plan, size_t index);

/* Smooth weighted round robin (each turn every server gains its weight, the one with most is chosen
 * and pays the sum), over the servers that have room. TURNS has N numbers, zero at first.
 * Returns the index, or N when no server has room. Pure but for TURNS. */
size_t weir_balance_round_robin(const struct weir_candidate *candidates, size_t n, int64_t *turns);

/* The least load for its weight; among equals one with an idle connection, then the first after
 * START. Returns the index, or N. Pure. */
size_t weir_balance_least_connections(const struct weir_candidate *candidates, size_t n,
                                      size_t start);

enum { WEIR_BALANCE_MISSED = -1 }; /* nobody with room was met: a choice by load is due */

/* Two different ones, drawn by weight; of these the one with the least load for its weight, as
 * above. Returns the index, or MISSED after a few draws. Pure but for RANDOM. */
ptrdiff_t weir_balance_random_two(const struct weir_tier *tier, struct weir_candidates candidates,
                                  uint32_t *random);

/* Consistent hashing with bounded loads: the server at KEY's point of the tier's ring, or the next
 * with room whose load stays within weir_balance_bound of TOTAL requests in progress, this one
 * included. Returns the index, or MISSED after a few steps. Pure.
 * Source: Mirrokni, Thorup, Zadimoghaddam 2016 (arXiv 1608.01350). */
ptrdiff_t weir_balance_hash(const struct weir_tier *tier, struct weir_candidates candidates,
                            uint64_t key, uint64_t total);

/* 1.25 times a server's share of TOTAL by its weight, rounded up. */
uint64_t weir_balance_bound(uint64_t total, uint64_t weight, uint64_t weight_of_all);

/* The choice for a ticket as its plan says, among the servers of its aim, or NULL when none of them
 * has room. Thread: the ticket's worker. */
struct weir_server *weir_balance_choose(struct weir_ticket *ticket);

#endif
