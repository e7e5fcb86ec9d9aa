/* One connection: a request, its answer, the next. Belongs to its loop; all calls on the loop's
 * thread. */
#ifndef WEIR_BENCH_ORIGIN_CONN_H
#define WEIR_BENCH_ORIGIN_CONN_H

#include "origin_answer.h"
#include "origin_io.h"
#include "origin_loop.h"
#include "origin_mood.h"
#include "origin_request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum origin_phase {
    ORIGIN_PHASE_HEAD,   /* idle, or reading a head */
    ORIGIN_PHASE_BODY,   /* reading a body before the answer */
    ORIGIN_PHASE_ANSWER, /* making and writing the answer */
    ORIGIN_PHASE_DRAIN,  /* the answer is out, the body not yet in */
    ORIGIN_PHASE_LINGER, /* the same, and closed for writing */
    ORIGIN_PHASE_RESET,  /* waits until the peer has all, then resets */
};

struct origin_conn {
    struct origin_loop *loop;
    struct origin_conn *next, *previous;
    struct origin_io io;
    enum origin_phase phase;
    bool is_counted;
    bool is_aside;       /* not to be counted: it began with a question for the counts */
    bool is_registered;  /* with epoll, for `watched` */
    bool is_decided;     /* `decision` is what to do once all is written */
    bool closes_on_next; /* fail=close_on_next_request */
    enum origin_next decision;
    uint32_t watched; /* epoll events */
    size_t timer_place;
    int64_t due_ms;
    uint64_t idle_ms; /* keepalive_timeout */
    uint64_t requests;
    unsigned reset_polls;
    const struct origin_mood *mood; /* the loop's defaults or `own_mood` */
    struct origin_mood *own_mood;   /* made when first needed */
    char *text;                     /* a body made for this answer: dump, counts */
    struct origin_answer answer;
    struct origin_body body;
    size_t scanned;
};

/* Takes a connection in and serves what is there already. Owns: FD. */
void origin_conn_open(struct origin_loop *loop, int fd);

/* Ends it and frees it. */
void origin_conn_close(struct origin_conn *conn);

void origin_conn_on_event(struct origin_conn *conn, uint32_t events);
void origin_conn_on_timer(struct origin_conn *conn);

#endif
