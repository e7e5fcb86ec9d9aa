/* Counters: one table a kind of object; a row is the counter, its word in figures, and what it
 * means. Each worker has its own copy and is its only writer; control adds them up when asked. */
#ifndef WEIR_STATS_COUNTERS_H
#define WEIR_STATS_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t weir_counter;

/* Adds N. Thread: the counter's one writer; a plain addition that others may read at any time. */
static inline void weir_count(weir_counter *counter, uint64_t n)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + n, memory_order_relaxed);
}

/* Counters are seen in the order in which they are asked for. */
static inline uint64_t weir_counter_get(const weir_counter *counter)
{
    return atomic_load_explicit(counter, memory_order_acquire);
}

/*   name, meaning */
#define WEIR_LISTENER_COUNTERS(X)                                                                  \
    X(connections_active, "client connections open now")                                           \
    X(connections_accepted, "client connections accepted")                                         \
    X(connections_rejected, "client connections refused by a limit")                               \
    X(requests_active, "requests in progress now")                                                 \
    X(requests_total, "requests whose head was read or refused")                                   \
    X(answers_1xx, "interim answers passed on")                                                    \
    X(answers_2xx, "answers with a status of 2xx")                                                 \
    X(answers_3xx, "answers with a status of 3xx")                                                 \
    X(answers_4xx, "answers with a status of 4xx, weir's own included")                            \
    X(answers_5xx, "answers with a status of 5xx, weir's own included")                            \
    X(bytes_in, "bytes read from clients")                                                         \
    X(bytes_out, "bytes written to clients")

#define WEIR_SERVER_COUNTERS(X)                                                                    \
    X(requests_active, "requests in progress now")                                                 \
    X(requests_total, "requests sent, each attempt counted")                                       \
    X(requests_retried, "attempts that were followed by another one")                              \
    X(requests_failed, "attempts that failed for good")                                            \
    X(connections_opened, "connections opened, or tried to")                                       \
    X(connections_connecting, "connections being opened now")                                      \
    X(connections_reused, "requests that went out on a connection that had carried one before")    \
    X(ejections, "times that it was ejected because requests failed at it")                        \
    X(connections_stolen, "connections taken from another worker")                                 \
    X(connections_prewarmed, "connections opened ahead of need")                                   \
    X(connections_quick_acks, "answers whose parts were acknowledged at once")                     \
    X(races_seen, "reused connections that ended before any byte of an answer")                    \
    X(races_retried, "of these, sent again")                                                       \
    X(races_retried_on_evidence, "of these, sent again on the kernel's evidence alone")            \
    X(races_failed, "of these, answered with 502")                                                 \
    X(ports_exhausted, "attempts to connect that found no local port")                             \
    X(time_waits_left, "connections that left a TIME_WAIT on the server")                          \
    X(bytes_in, "bytes read from the server")                                                      \
    X(bytes_out, "bytes written to the server")

#define WEIR_POOL_COUNTERS(X)                                                                      \
    X(requests_active, "requests that want or have a connection now")                              \
    X(requests_total, "requests that wanted a connection")                                         \
    X(requests_failed, "requests that got no answer from a server")                                \
    X(queue_timed_out, "requests that waited in vain")                                             \
    X(queue_rejected, "requests that found the queue full")

#define WEIR_COUNTER_FIELD(name, meaning) weir_counter name;
struct weir_listener_counters {
    WEIR_LISTENER_COUNTERS(WEIR_COUNTER_FIELD)
};
struct weir_server_counters {
    WEIR_SERVER_COUNTERS(WEIR_COUNTER_FIELD)
};
struct weir_pool_counters {
    WEIR_POOL_COUNTERS(WEIR_COUNTER_FIELD)
};
#undef WEIR_COUNTER_FIELD

#endif
