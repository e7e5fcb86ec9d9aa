/* One thread: epoll, a listening socket, timers, connections. */
#ifndef WEIR_BENCH_ORIGIN_LOOP_H
#define WEIR_BENCH_ORIGIN_LOOP_H

#include "origin_mood.h"
#include "origin_out.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct origin_conn;

struct origin_loop {
    const struct origin_mood *defaults;
    int listener; /* owned */
    int epoll;
    int stop; /* eventfd: written to end the loop */
    pthread_t thread;
    int64_t now_ms;            /* as of the last wake */
    struct origin_out out;     /* scratch of whichever connection runs */
    struct origin_conn **heap; /* connections with a timer, the earliest first */
    size_t heap_len;
    size_t heap_size;
    struct origin_conn *conns; /* all of them */
};

/* Starts the thread. Owns: LISTENER from now on. Fails: -errno. */
int origin_loop_start(struct origin_loop *loop, int listener, const struct origin_mood *defaults);

/* Ends the thread and closes its connections. Thread: any but the loop's. Blocks: until it is over.
 */
void origin_loop_stop(struct origin_loop *loop);

/* (Re)sets the connection's one timer to MS from now. Thread: the loop's, like all below. */
void origin_loop_set_timer(struct origin_loop *loop, struct origin_conn *conn, uint64_t ms);
void origin_loop_clear_timer(struct origin_loop *loop, struct origin_conn *conn);

/* Which epoll EVENTS wake the connection. */
void origin_loop_watch(struct origin_loop *loop, struct origin_conn *conn, uint32_t events);

#endif
