/* The last ten minutes of each pool, and of all pools together: a ring of samples each, for the
 * dashboard's plots. No I/O and no clock: what is sampled, and when, is the recorder's. About
 * 120 KiB a pool. Thread: control. */
#ifndef WEIR_CONTROL_HISTORY_H
#define WEIR_CONTROL_HISTORY_H

#include "weir/stats/histogram.h"

#include <stdbool.h>
#include <stdint.h>

enum { WEIR_HISTORY_SAMPLES = 600, WEIR_HISTORY_POOLS_MAX = 256 };

/*   column of the answer, meaning. Durations are in us and of the time since the sample before. */
#define WEIR_HISTORY_FIGURES(X)                                                                    \
    X(requests, "requests that wanted a connection")                                               \
    X(sent, "requests sent over TCP, each attempt counted")                                        \
    X(failed, "requests that got no answer from a server")                                         \
    X(opened, "connections opened, or tried to")                                                   \
    X(reused, "requests that went out on a connection that had carried one before")                \
    X(time_waits_left, "connections that left a TIME_WAIT on the server")                          \
    X(idle, "idle connections")                                                                    \
    X(active, "connections in use")                                                                \
    X(connecting, "connections being opened")                                                      \
    X(waiting, "requests in the queue")                                                            \
    X(response_p50_us, "half of the answers took no longer")                                       \
    X(response_p90_us, "nine in ten took no longer")                                               \
    X(response_p99_us, "99 in a hundred took no longer")                                           \
    X(queue_p99_us, "99 in a hundred of those that waited in the queue waited no longer")          \
    X(server_established, "sockets of the servers, as the kernel tells, by state")                 \
    X(server_time_wait, "the same")                                                                \
    X(server_fin_wait, "FIN_WAIT1 and FIN_WAIT2")                                                  \
    X(server_close_wait, "the same")                                                               \
    X(server_other, "those in any other state")                                                    \
    X(proxy_established, "weir's own sockets towards the servers")                                 \
    X(proxy_time_wait, "the same")                                                                 \
    X(proxy_fin_wait, "the same")                                                                  \
    X(proxy_close_wait, "the same")                                                                \
    X(proxy_other, "the same")

enum weir_history_figure {
#define WEIR_HISTORY_ROW(name, meaning) WEIR_HISTORY_##name,
    WEIR_HISTORY_FIGURES(WEIR_HISTORY_ROW)
#undef WEIR_HISTORY_ROW
        WEIR_HISTORY_FIGURE_COUNT
};

#define WEIR_HISTORY_UNKNOWN UINT64_MAX

/* What a sample is made from: counters and histograms since the start. The history fills in the
 * durations itself. */
struct weir_reading {
    uint64_t figures[WEIR_HISTORY_FIGURE_COUNT];
    struct weir_histogram response_us, queue_us;
};

struct weir_history;

/* STARTED_MS: since when, in ms since 1970; who asks knows by it whether weir is another one.
 * Fails: NULL, out of memory. */
struct weir_history *weir_history_create(uint64_t started_ms);
void weir_history_destroy(struct weir_history *history);

/* A round: begin, the pools that there are, end. Pools that had no reading in it are forgotten. Of
 * those that are too many, or for which there is no memory, nothing is kept. */
void weir_history_begin(struct weir_history *history, uint64_t at_ms);
void weir_history_add(struct weir_history *history, const char *pool,
                      const struct weir_reading *reading);
void weir_history_end(struct weir_history *history, const struct weir_reading *total);

/* As JSON: the samples that came after round SINCE, of POOL or, when NULL, of all together.
 * Owns: the caller, to free. Fails: NULL; *found is false: there is no such pool, else out of
 * memory. */
char *weir_history_print(const struct weir_history *history, const char *pool, uint64_t since,
                         bool *found);

#endif
