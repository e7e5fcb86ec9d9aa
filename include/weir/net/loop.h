/* A thread's event loop, and what every object on it shares: descriptors that are watched,
 * deadlines, buffers, the clock, work put off until just before the loop sleeps, and letters from
 * other threads.
 *
 * A turn: turns that were asked for, deferred tasks, then sleep until something happens, then what
 * has happened to descriptors and what that deferred, then deadlines, so that what came in time
 * counts as such.
 *
 * Thread: everything here belongs to the loop's thread, but for weir_loop_post.
 * Source: epoll(7), timerfd_create(2), eventfd(2); why not libuv's loop: docs/decisions/0013. */
#ifndef WEIR_NET_LOOP_H
#define WEIR_NET_LOOP_H

#include "weir/base/deadline.h"
#include "weir/base/slab.h"
#include "weir/net/pipe.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
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

/* A descriptor that a loop watches; embedded in its owner. All but FD, ON_READY and BY_EDGE begin
 * as zero.
 *
 * It is told of as long as there is something to tell (level-triggered). With BY_EDGE the kernel
 * tells of it once (EPOLLET), which spares it a second look at every event, and the owner says when
 * a read or write has used up what there was (weir_watch_drain); what is left when on_ready returns
 * is asked for again. So both look the same to the owner, and forgetting to say so costs an
 * epoll_ctl, nothing else. */
struct weir_watch {
    int fd;
    uint32_t events; /* asked for, of EPOLLIN and EPOLLOUT */
    bool is_known;   /* to epoll */
    bool by_edge;
    uint8_t left;       /* with BY_EDGE: of EVENTS, told of and not used up */
    bool keeps_telling; /* a read that comes short says nothing: there is an end, or an urgent byte
                         */
    /* EVENTS: of what was asked for, EPOLLERR and EPOLLHUP, which are always told of. */
    void (*on_ready)(struct weir_watch *watch, uint32_t events);
};

/* How much is heard before anything is written (weir_loop_defer): a few hundred microseconds. */
enum { WEIR_LOOP_EVENTS = 64 };

struct weir_loop {
    int epoll_fd, timer_fd, letters_fd;
    bool is_stopped;
    bool is_late;         /* the timer has fired: deadlines are to be looked at */
    uint64_t now_us;      /* when this turn began */
    uint64_t n_turns;     /* so far */
    uint64_t timer_at_ms; /* when the timer fires; UINT64_MAX while it is not set */
    struct weir_deadlines deadlines;
    struct weir_slab blocks;
    struct weir_pipes pipes;
    struct weir_task *deferred, **deferred_tail;
    struct weir_turn *turns;
    struct weir_watch timer, letters, guest;
    uv_loop_t *uv; /* libuv's, which runs inside this one; NULL: not asked for */
    struct {
        pthread_mutex_t lock;
        struct weir_task *letters, **letters_tail;
    } shared;
    int at, n_events; /* what has happened in this turn: events[at] is being told of */
    struct epoll_event events[WEIR_LOOP_EVENTS];
};

/* Fails: -errno. */
int weir_loop_init(struct weir_loop *loop);
/* Everything on the loop must have been closed; runs it until all have heard the last of it. */
void weir_loop_fini(struct weir_loop *loop);

/* From now on the loop runs libuv's as well, `uv`: for signals, and for timers that are few. For a
 * loop that has little to do. Idempotent. Fails: -errno. */
int weir_loop_host(struct weir_loop *loop);

/* Returns after weir_loop_stop. */
void weir_loop_run(struct weir_loop *loop);
void weir_loop_stop(struct weir_loop *loop);
/* One turn, which sleeps for at most TIMEOUT_MS; -1: for as long as it takes. */
void weir_loop_turn(struct weir_loop *loop, int timeout_ms);

/* Tells of these events from now on; EVENTS is the whole set. Fails: -errno, and nothing has
 * changed. */
int weir_loop_watch(struct weir_loop *loop, struct weir_watch *watch, uint32_t events);
/* Nothing more is heard of it, not even in this turn. Idempotent. */
void weir_loop_unwatch(struct weir_loop *loop, struct weir_watch *watch);
/* The same where its descriptor, of which there must be no copy, is closed next: that takes it out
 * of epoll (epoll(7)). */
void weir_loop_forget(struct weir_loop *loop, struct weir_watch *watch);

/* A read (EPOLLIN) or write (EPOLLOUT) came short, or to nothing: what comes now is news, of which
 * the kernel tells again. Source: epoll(7), questions 9 and on. */
static inline void weir_watch_drain(struct weir_watch *watch, uint32_t event)
{
    if (event != EPOLLIN || !watch->keeps_telling)
        watch->left &= (uint8_t)~event;
}

/* The time at which this turn of the loop began, on a clock that all threads share
 * (CLOCK_MONOTONIC). */
static inline uint64_t weir_loop_now_us(const struct weir_loop *loop)
{
    return loop->now_us;
}

static inline uint64_t weir_loop_now_ms(const struct weir_loop *loop)
{
    return loop->now_us / 1000;
}

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

/* The same for one whose owner looks whether its time has come (weir_deadline_set_within). */
static inline void weir_loop_deadline_within(struct weir_loop *loop, struct weir_deadline *deadline,
                                             uint64_t after_ms)
{
    (void)weir_deadline_set_within(&loop->deadlines, deadline, weir_loop_now_ms(loop), after_ms);
}

#endif
