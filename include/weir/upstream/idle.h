/* The idle lists: per server and worker one, newest first. The owner locks its list, a taker tries
 * the locks of all the others before it waits for one, who looks for the oldest waits for each in
 * turn, and nobody ever holds two.
 *
 * While a connection is idle its owner watches it and never reads from it, until it has unlinked
 * it: bytes read before would be lost to whoever takes it. */
#ifndef WEIR_UPSTREAM_IDLE_H
#define WEIR_UPSTREAM_IDLE_H

#include "weir/upstream/upconn.h"

/* Gives *given, which is BUSY and clean, to its worker's list and empties the pointer. Closes
 * instead what has been idle for longest, on whichever worker's list, where more are idle or open
 * than the server's limits allow. Thread: its worker's. */
void weir_idle_give(struct weir_upconn **given);

/* While its server has more of them idle, or open, than its limits allow, closes those that have
 * been idle for longest, of ANY's server. Thread: ANY's worker's. */
void weir_idle_trim(struct weir_upconn *any);

/* The server ended this one after it had been idle for IDLE_MS and had carried REQUESTS: what can
 * be learned from that. */
void weir_idle_note_end(struct weir_upconn *upconn, uint64_t idle_ms, uint64_t requests);

/* For how long this one may be idle: its idle timeout, or less, by what was learned of the server's
 * keep-alive, or, while it has carried nothing, of its patience. 0: for ever. */
uint64_t weir_idle_limit_ms(const struct weir_upconn *upconn);

/* Sets the deadline of an IDLE one: to that limit or its end by age, or earlier, and then it
 * is to be watched again. */
void weir_idle_watch(struct weir_upconn *upconn);

/* The newest of this worker's, BUSY again, or NULL. CAREFUL: only one that is not near the end that
 * was learned of the server. */
struct weir_upconn *weir_idle_take(struct weir_upstream *upstream, struct weir_server *server,
                                   bool careful);

/* This very one of this worker's, BUSY again. CAREFUL: as above. False: it is not idle any more, or
 * not fit. */
bool weir_idle_take_this(struct weir_upconn *upconn, bool careful);

/* Closes what has been idle for longest at SERVER, on whichever worker's list, so that its place is
 * free at once. False: there is none, or others were quicker. */
bool weir_idle_close_oldest(struct weir_upstream *upstream, struct weir_server *server,
                            struct weir_pool *pool, const struct weir_pool_settings *settings);

/* One of another worker's, adopted here, or NULL. A list whose lock is held is passed over at
 * first, unless INSIST. */
struct weir_upconn *weir_idle_steal(struct weir_upstream *upstream, struct weir_server *server,
                                    struct weir_pool *pool,
                                    const struct weir_pool_settings *settings, bool careful,
                                    bool insist);

/* Has nothing come on this BUSY connection behind its last answer? While it is idle the loop tells.
 * One that goes from hand to hand without being idle, that comes from another worker, or whose
 * answer had no body (some servers send one all the same) is suspect: then the socket is asked.
 * False: it is closed, as poisoned or ended. */
bool weir_idle_is_clean(struct weir_upconn *upconn);

/* Takes this very connection off its list, for a look at it: it counts as idle all the while.
 * False: somebody else has it already. It is to be returned to where it was (who has come to wait
 * meanwhile is not told) or kept, which makes it IDLE for nobody, to be closed. Thread: its
 * worker's. */
bool weir_idle_borrow(struct weir_upconn *upconn);
void weir_idle_return(struct weir_upconn *upconn);
void weir_idle_keep(struct weir_upconn *upconn);

/* Borrows and keeps: takes this very connection off its list unless somebody else has it already:
 * then false. Thread: its worker's. */
bool weir_idle_remove(struct weir_upconn *upconn);

#endif
