/* A thread's event loop: libuv's, and what every object on it shares: deadlines, buffers, the
 * clock, work put off until just before the loop sleeps, and letters from other threads.
 *
 * Thread: everything here belongs to the loop's thread, but for weir_loop_post. */
#ifndef WEIR_NET_LOOP_H
#define WEIR_NET_LOOP_H

#include "weir/base/deadline.h"
#include "weir/base/slab.h"
#include "weir/net/pipe.h"

#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

/* Something to be done later on a loop, embedded in what it concerns. */
struct weir_task {
    struct weir_task *next;
    void (*run)(struct weir_task *task);
};

/* Something to be done in the next turn of a loop, which does not sleep before it. */
struct weir_turn {
    struct weir_turn *prev, *next;
    void (*run)(struct weir_turn *turn);
    bool is_set;
};

struct weir_loop {
    uv_loop_t uv;
    uv_prepare_t prepare; /* runs what was put off, sets the timer */
    uv_idle_t idle;       /* runs what waits for the next turn; active while anything does */
    uv_poll_t timer;
    uv_async_t async;
    int timer_fd;
    uint64_t timer_at_ms; /* when the timer fires; UINT64_MAX while it is not set */
    bool has_put_off;     /* it has been late, and waits for a turn of the sockets */
    uint64_t now_us;      /* 0: not asked for yet in this turn */
    uint64_t n_turns;     /* so far */
    struct weir_deadlines deadlines;
    struct weir_slab blocks;
    struct weir_pipes pipes;
    struct weir_task *deferred, **deferred_tail;
    struct weir_turn *turns;
    struct {
        pthread_mutex_t lock;
        struct weir_task *letters, **letters_tail;
    } shared;
};

/* Fails: -errno. */
int weir_loop_init(struct weir_loop *loop);
/* Everything on the loop must have been closed; runs it until libuv has let go of it all. */
void weir_loop_fini(struct weir_loop *loop);
/* Returns after weir_loop_stop. */
void weir_loop_run(struct weir_loop *loop);
void weir_loop_stop(struct weir_loop *loop);

/* The time at which this turn of the loop began, on a clock that all threads share. */
static inline uint64_t weir_loop_now_ms(struct weir_loop *loop)
{
    return uv_now(&loop->uv);
}

/* As above, finer: at most one call to the clock a turn. */
uint64_t weir_loop_now_us(struct weir_loop *loop);

/* Runs TASK in this turn, before the loop sleeps, after whatever is running now. */
void weir_loop_defer(struct weir_loop *loop, struct weir_task *task);

/* Runs TURN after the sockets have had theirs. Cancelling is synchronous; both are idempotent. */
void weir_loop_next_turn(struct weir_loop *loop, struct weir_turn *turn);
void weir_loop_cancel_turn(struct weir_loop *loop, struct weir_turn *turn);

/* Runs TASK on LOOP's thread. In the order of posting. Owns: the letter is the sender's until then.
 * Thread: any. */
void weir_loop_post(struct weir_loop *loop, struct weir_task *task);

/* Sets or moves a deadline from now; a list that could not be allocated leaves it unset. */
static inline void weir_loop_deadline(struct weir_loop *loop, struct weir_deadline *deadline,
                                      uint64_t after_ms)
{
    (void)weir_deadline_set(&loop->deadlines, deadline, weir_loop_now_ms(loop), after_ms);
}

#endif
