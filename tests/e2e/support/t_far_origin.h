/* An origin far away that closes each connection once it has been idle for so long, and says
 * nothing of it. It counts how often each request was executed, by the number in its field X-Id. */
#ifndef WEIR_E2E_T_FAR_ORIGIN_H
#define WEIR_E2E_T_FAR_ORIGIN_H

#include "t_distance.h"

#include <pthread.h>
#include <stdatomic.h>

struct t_far_conn;

struct t_far_origin {
    int port;
    int listener, epoll, stop;
    int64_t idle_ns;
    size_t n_ids;
    atomic_uint *executed; /* by id */
    struct {
        atomic_uint connections;
        atomic_uint closed_idle;                          /* by the origin */
        atomic_uint left;                                 /* by the peer */
        atomic_uint left_after_ms_min, left_after_ms_max; /* of these: for how long it was idle */
    } shared;
    struct t_far_conn *oldest, *newest; /* by the last thing that happened; the thread's */
    pthread_t thread;
};

/* Starts it on a free port. Requests have numbers below N_IDS. */
void t_far_origin_start(struct t_far_origin *origin, struct t_distance *distance, unsigned idle_ms,
                        size_t n_ids);
#define t_far_origin_start(...) T_AT((t_far_origin_start)(__VA_ARGS__))

/* Forgets what it has measured of peers that left. */
void t_far_origin_forget(struct t_far_origin *origin);

void t_far_origin_stop(struct t_far_origin *origin);

#endif
