/* What is learned of a server's keep-alive: for how long it keeps an idle connection, for how many
 * requests, or that it keeps none. From what it says (Keep-Alive: timeout=, max=) and from what it
 * is seen to do. Pure but for the lesson itself; the clock is passed in.
 *
 * A lesson is shared by all workers: observations are rare and made under its lock, what came of
 * them is read without. */
#ifndef WEIR_UPSTREAM_LEARN_H
#define WEIR_UPSTREAM_LEARN_H

#include "weir/base/slice.h"
#include "weir/upstream/delack.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Why a server's connections can't be kept: the word, and the sentence of /stats. */
#define WEIR_UNKEPT_REASONS(X)                                                                     \
    X(NONE, "")                                                                                    \
    X(CLOSES, "closes after each response")                                                        \
    X(HTTP10, "HTTP/1.0 without keep-alive")                                                       \
    X(NO_LENGTH, "response without a length")

enum weir_unkept_reason {
#define WEIR_UNKEPT_ROW(name, text) WEIR_UNKEPT_##name,
    WEIR_UNKEPT_REASONS(WEIR_UNKEPT_ROW)
#undef WEIR_UNKEPT_ROW
};

enum weir_learned_from { WEIR_LEARNED_CONFIG, WEIR_LEARNED_HEADER, WEIR_LEARNED_OBSERVATION };

enum { WEIR_LESSON_AGES = 4 };

struct weir_lesson {
    struct {
        _Atomic uint64_t idle_ms;    /* for how long it keeps an idle connection; 0: not known */
        _Atomic uint64_t learned_ms; /* when that was last confirmed */
        _Atomic uint64_t requests;   /* how many it takes on one; 0: not known */
        _Atomic uint64_t announced;  /* how many it says it takes on one; 0: it says nothing */
        _Atomic uint32_t unkept;     /* enum weir_unkept_reason */
        _Atomic uint32_t from;       /* enum weir_learned_from, of idle_ms */
        _Atomic uint32_t n_unkept;   /* answers in a row that ended their connection */
        _Atomic uint32_t n_asked;    /* how often `requests` was asked for, once it is known */
        _Atomic uint64_t connect_us; /* the quickest connect so far: a round trip */
    } shared;
    struct weir_delack delack;
    pthread_mutex_t lock;                /* guards what stands below */
    uint64_t ages_ms[WEIR_LESSON_AGES];  /* idle ages at which it closed, newest first */
    uint64_t requests[WEIR_LESSON_AGES]; /* and how many requests those had carried */
    uint64_t seen_ms;                    /* when the newest began */
    unsigned n_ages;
};

void weir_lesson_init(struct weir_lesson *lesson);
void weir_lesson_fini(struct weir_lesson *lesson);

/* A Keep-Alive field's value: what it announces; a part that is absent or not a number is 0.
 * Units: seconds become milliseconds. Source: RFC 2068 section 19.7.1.1. */
struct weir_keep_alive_field {
    uint64_t timeout_ms;
    bool has_max;
    uint64_t max; /* requests that the connection still takes after this one */
};
struct weir_keep_alive_field weir_keep_alive_read(struct weir_slice value);

/* The server announced that it keeps idle connections for so long. Thread: any. */
void weir_lesson_announced(struct weir_lesson *lesson, uint64_t timeout_ms, uint64_t now_ms);

/* The server announced that a connection that carried REQUESTS takes MAX more. Thread: any. */
void weir_lesson_announced_requests(struct weir_lesson *lesson, uint64_t requests, uint64_t max);

/* The server closed a connection that had been idle for IDLE_MS and had carried REQUESTS. Two such
 * events that agree within a tenth teach; closes at about one moment are one event, for a server
 * that restarts closes them all. Thread: any. */
void weir_lesson_closed_idle(struct weir_lesson *lesson, uint64_t idle_ms, uint64_t requests,
                             uint64_t now_ms);

/* An answer ended its connection for this reason, or (NONE) let it live. Thread: any. */
void weir_lesson_answered(struct weir_lesson *lesson, enum weir_unkept_reason reason);

/* A connection carries its REQUESTS-th: more than was believed teaches otherwise. Thread: any. */
void weir_lesson_carried(struct weir_lesson *lesson, uint64_t requests);

/* A connection was made in so long. Thread: any. */
void weir_lesson_connected(struct weir_lesson *lesson, uint64_t us);

/* A round trip; 0: not known. */
static inline uint64_t weir_lesson_round_trip_us(const struct weir_lesson *lesson)
{
    return atomic_load_explicit(&lesson->shared.connect_us, memory_order_relaxed);
}

/* For how long a connection may be idle: CONFIGURED_MS (0: no limit) or less, with a margin for the
 * round trip. What was only observed grows by a tenth each minute, so that a server that changed
 * its ways is found out. */
uint64_t weir_lesson_idle_limit_ms(const struct weir_lesson *lesson, uint64_t configured_ms,
                                   uint64_t now_ms);

/* May a request that can't be repeated go out on a connection that has been idle for IDLE_MS? */
bool weir_lesson_is_safe(const struct weir_lesson *lesson, uint64_t idle_ms, uint64_t now_ms);

/* How many requests a connection may carry: CONFIGURED (0: no limit) or less. Once in a while more
 * than was learned, so that a server that changed its ways is found out. */
uint64_t weir_lesson_requests_limit(struct weir_lesson *lesson, uint64_t configured);

/* Are its connections known not to be kept: several answers in a row have ended theirs? */
static inline bool weir_lesson_is_unkept(const struct weir_lesson *lesson)
{
    return atomic_load_explicit(&lesson->shared.n_unkept, memory_order_relaxed) >= 3;
}

const char *weir_unkept_text(enum weir_unkept_reason reason);
const char *weir_learned_from_name(enum weir_learned_from from);

#endif
