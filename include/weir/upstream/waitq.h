/* The queue of a pool: requests that found every server at its maximum, in the order of arrival
 * over all workers. A waiter is granted a connection that came free, or the place of one that
 * ended; the grant travels to the waiter's worker as a letter.
 *
 * No wake-up is lost: a waiter enqueues first and then looks once more for a connection; whoever
 * frees one frees it first and then looks for waiters. One of the two sees the other. While the
 * pool is paused nobody is granted anything; whoever resumes it says so first and then looks for
 * waiters.
 */
#ifndef WEIR_UPSTREAM_WAITQ_H
#define WEIR_UPSTREAM_WAITQ_H

#include "weir/upstream/pool.h"
#include "weir/upstream/upconn.h"

/* What a slab of waiters is made of. */
size_t weir_waiter_bytes(void);

/* Puts the ticket at the end of its pool's queue; or, if it has waited and what it got was no good,
 * where it stood, whatever the limit, for what is left of its time. Returns WEIR_OK,
 * WEIR_QUEUE_FULL or WEIR_NO_MEMORY. on_done of the ticket follows, unless it is taken out again.
 * Thread: worker. */
enum weir_error weir_waitq_enter(struct weir_ticket *ticket, bool has_waited);

/* Takes the ticket out. False when a grant is already under way; with ABANDON the grant will then
 * be given back as it arrives, without, it still comes. Thread: the ticket's worker. */
bool weir_waitq_leave(struct weir_ticket *ticket, bool abandon);

/* Aims the ticket anew, as below, if it has entered with an aim that does not hold any more. False:
 * no server takes it, and it is out. Thread: the ticket's worker. */
bool weir_waitq_stay(struct weir_ticket *ticket);

/* From now on the ticket waits by PLAN, a newer one of its pool, aimed anew; its place and its time
 * stay. The caller sees to ticket->plan, and weir_waitq_stay is to follow. False: a grant is under
 * way already, and all is as it was. Thread: the ticket's worker. */
bool weir_waitq_follow(struct weir_ticket *ticket, const struct weir_pool_plan *plan);

/* Hands a BUSY, clean connection to the longest waiter that can use its server. False: there is
 * none, and *upconn is as it was. One that is announced for a client is closed instead, and its
 * place granted. Thread: the connection's worker. */
bool weir_waitq_grant_upconn(struct weir_upconn **upconn);

/* As above, with an idle connection of this worker, if there is one: taken only once a waiter is
 * sure, so that at no moment it is out of everybody's sight. */
void weir_waitq_grant_idle(struct weir_upstream *upstream, struct weir_pool *pool,
                           struct weir_server *server);

/* Hands the right to open one connection to the longest waiter, and reserves it, if SERVER has room
 * under MAX. False: nobody waits, or there is no room. Thread: any worker, and control, whose
 * UPSTREAM is NULL. */
bool weir_waitq_grant_slot(struct weir_upstream *upstream, struct weir_pool *pool,
                           struct weir_server *server, uint64_t max);

/* Is there a waiter that can use SERVER? Thread: any worker. */
bool weir_waitq_wants(struct weir_pool *pool, struct weir_server *server);

/* Servers have changed their states: waits that none of their servers takes any more are aimed
 * anew, as are those that may hope for better ones now; those that no server at all takes are told
 * so. Thread: any. */
void weir_waitq_reconsider(struct weir_pool *pool);

/* Since when the longest waiter has been waiting, on uv_hrtime's clock; 0: nobody is. Thread: any.
 */
uint64_t weir_waitq_oldest_us(struct weir_pool *pool);

static inline bool weir_waitq_has_waiters(struct weir_pool *pool)
{
    return atomic_load(&pool->shared.n_waiting) > 0;
}

#endif
