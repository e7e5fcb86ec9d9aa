/* Counters: one table a kind of object; a row is the counter, its word in figures, its
 * Prometheus name and what it means. Each worker has its own copy and is its only writer; control
 * adds them up when asked. */
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

/*   name, metric, meaning
 *
 * The metric is Prometheus's name for it without the leading `weir_`, with a label where several
 * rows are one family (they stand together, and share their meaning); "": it is not told as it is,
 * but as part of another figure. Names that end in `_total` only grow. */
#define WEIR_ANSWERS_MEANING                                                                       \
    "answers by class of status, weir's own included; 1xx: those that were passed on"

#define WEIR_LISTENER_COUNTERS(X)                                                                  \
    X(connections_active, "listener_connections_active", "client connections open now")            \
    X(connections_accepted, "listener_connections_accepted_total", "client connections accepted")  \
    X(connections_rejected, "listener_connections_rejected_total",                                 \
      "client connections refused by a limit")                                                     \
    X(proxy_headers_refused, "listener_proxy_headers_refused_total",                               \
      "client connections closed for want of a valid PROXY header")                                \
    X(tls_handshakes, "listener_tls_handshakes_total", "TLS handshakes that were completed")       \
    X(tls_resumed, "listener_tls_resumed_total", "of these, that resumed a session")               \
    X(tls_failed, "listener_tls_failed_total", "TLS handshakes that failed or took too long")      \
    X(requests_active, "listener_requests_active", "requests in progress now")                     \
    X(requests_total, "listener_requests_total", "requests whose head was read or refused")        \
    X(tunnels_active, "listener_tunnels_active",                                                   \
      "upgraded connections open now; they are no requests in progress")                           \
    X(tunnels_total, "listener_tunnels_total", "requests that became a tunnel")                    \
    X(answers_1xx, "listener_responses_total{code=\"1xx\"}", WEIR_ANSWERS_MEANING)                 \
    X(answers_2xx, "listener_responses_total{code=\"2xx\"}", WEIR_ANSWERS_MEANING)                 \
    X(answers_3xx, "listener_responses_total{code=\"3xx\"}", WEIR_ANSWERS_MEANING)                 \
    X(answers_4xx, "listener_responses_total{code=\"4xx\"}", WEIR_ANSWERS_MEANING)                 \
    X(answers_5xx, "listener_responses_total{code=\"5xx\"}", WEIR_ANSWERS_MEANING)                 \
    X(bytes_in, "listener_received_bytes_total", "bytes read from clients")                        \
    X(bytes_out, "listener_sent_bytes_total", "bytes written to clients")                          \
    X(bytes_spliced, "listener_spliced_bytes_total",                                               \
      "bytes read from clients or written to them without being copied")

#define WEIR_SERVER_COUNTERS(X)                                                                    \
    X(requests_active, "server_requests_active", "requests in progress now")                       \
    X(requests_total, "server_requests_total", "requests sent, each attempt counted")              \
    X(requests_retried, "server_requests_retried_total",                                           \
      "attempts that were followed by another one")                                                \
    X(requests_failed, "server_requests_failed_total", "attempts that failed for good")            \
    X(tunnels_active, "server_tunnels_active",                                                     \
      "upgraded connections open now; they are no requests in progress")                           \
    X(tunnels_total, "server_tunnels_total", "requests that became a tunnel")                      \
    X(connections_opened, "server_connections_opened_total", "connections opened, or tried to")    \
    X(connections_connecting, "", "connections being opened now")                                  \
    X(connections_reused, "server_connections_reused_total",                                       \
      "requests that went out on a connection that had carried one before")                        \
    X(ejections, "server_ejections_total",                                                         \
      "times that it was ejected because requests failed at it")                                   \
    X(connections_stolen, "server_connections_stolen_total",                                       \
      "connections taken from another worker")                                                     \
    X(connections_prewarmed, "server_connections_prewarmed_total",                                 \
      "connections opened ahead of need")                                                          \
    X(connections_quick_acks, "server_quick_acks_total",                                           \
      "answers whose parts were acknowledged at once")                                             \
    X(races_seen, "server_races_total",                                                            \
      "reused connections that ended before any byte of an answer")                                \
    X(races_retried, "server_races_retried_total", "of the races, sent again")                     \
    X(races_retried_on_evidence, "server_races_retried_on_evidence_total",                         \
      "of the races, sent again on the kernel's evidence alone")                                   \
    X(races_failed, "server_races_failed_total", "of the races, answered with 502")                \
    X(ports_exhausted, "server_ports_exhausted_total",                                             \
      "attempts to connect that found no local port")                                              \
    X(tls_handshakes, "server_tls_handshakes_total", "TLS handshakes completed")                   \
    X(tls_resumed, "server_tls_resumed_total",                                                     \
      "TLS handshakes that resumed the session of an earlier connection")                          \
    X(tls_failed, "server_tls_failed_total",                                                       \
      "TLS handshakes that failed, and connections that TLS ended with an error")                  \
    X(tls_untrusted, "server_tls_untrusted_total",                                                 \
      "TLS handshakes that failed because the server's certificate is not accepted")               \
    X(time_waits_left, "server_time_waits_left_total",                                             \
      "connections that left a TIME_WAIT on the server")                                           \
    X(bytes_in, "server_received_bytes_total", "bytes read from the server")                       \
    X(bytes_out, "server_sent_bytes_total", "bytes written to the server")

#define WEIR_POOL_COUNTERS(X)                                                                      \
    X(requests_active, "pool_requests_active", "requests that want or have a connection now")      \
    X(requests_total, "pool_requests_total", "requests that wanted a connection")                  \
    X(requests_failed, "pool_requests_failed_total", "requests that got no answer from a server")  \
    X(queue_timed_out, "pool_queue_timed_out_total", "requests that waited in vain")               \
    X(queue_rejected, "pool_queue_rejected_total", "requests that found the queue full")

#define WEIR_COUNTER_FIELD(name, metric, meaning) weir_counter name;
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
