/* A server: the run-time of one upstream address. It outlives generations: a reload that leaves it
 * in its pool leaves its warm connections alone, and one that left and comes back soon is the same.
 *
 * Counted: by the registry while it knows it, by each plan, and by each of its connections. */
#ifndef WEIR_UPSTREAM_SERVER_H
#define WEIR_UPSTREAM_SERVER_H

#include "weir/base/deadline.h"
#include "weir/net/address.h"
#include "weir/net/proxy_protocol.h"
#include "weir/stats/counters.h"
#include "weir/stats/histogram.h"
#include "weir/upstream/health.h"
#include "weir/upstream/learn.h"
#include "weir/upstream/pace.h"
#include "weir/upstream/server_tls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

/* Why an upstream connection was closed: the word in figures and logs, and what it means. */
#define WEIR_CLOSE_REASONS(X)                                                                      \
    X(idle_timeout, "idle for as long as the configuration allows")                                \
    X(learned_idle, "idle for nearly as long as the server allows")                                \
    X(max_requests, "carried as many requests as it may")                                          \
    X(max_age, "as old as it may get")                                                             \
    X(surplus, "more idle ones than max_idle, or announced for a client that has gone")            \
    X(by_server_idle, "the server closed it while it was idle")                                    \
    X(by_server_active, "the server closed it during an exchange")                                 \
    X(not_reusable, "the answer said or meant that it ends")                                       \
    X(poisoned, "bytes came that no request had asked for")                                        \
    X(client_gone, "the client left before the exchange was complete")                             \
    X(timeout, "the server took too long")                                                         \
    X(error, "it could not be made, or broke, or the answer was not valid")                        \
    X(no_port, "it could not be made: no local port was left")                                     \
    X(flushed, "an operator's command closed it")                                                  \
    X(server_gone, "the server left the configuration, or went down")                              \
    X(shutdown, "weir is shutting down")

enum weir_close_reason {
#define WEIR_CLOSE_ROW(name, meaning) WEIR_CLOSED_##name,
    WEIR_CLOSE_REASONS(WEIR_CLOSE_ROW)
#undef WEIR_CLOSE_ROW
        WEIR_CLOSE_REASON_COUNT,
    WEIR_CLOSED_NOT = WEIR_CLOSE_REASON_COUNT /* it may live on */
};

const char *weir_close_reason_name(enum weir_close_reason reason);

/* What an operator says of a server. DRAIN: no new requests; those that were waiting in the queue
 * already may still go there. DOWN: not even those. Either way connections close as they come free.
 */
#define WEIR_ADMIN_STATES(X) X(up) X(drain) X(down)

enum weir_admin_state {
#define WEIR_ADMIN_ROW(name) WEIR_ADMIN_##name,
    WEIR_ADMIN_STATES(WEIR_ADMIN_ROW)
#undef WEIR_ADMIN_ROW
};

const char *weir_admin_state_name(enum weir_admin_state state);

struct weir_upconn;
struct weir_upstream;
struct weir_pool;

/* While no local port is left towards a server, it gets no new connections for a pause, over all
 * workers; the worker that found out ends it (ports.h). Thread: that worker's. */
struct weir_ports_hold {
    struct weir_deadline deadline;
    uint64_t ms;                /* for how long */
    uint64_t connections_max;   /* of the plan that began it */
    struct weir_server *server; /* referenced while it lasts, as is the pool */
    struct weir_pool *pool;
    struct weir_upstream *upstream;
    struct weir_ports_hold *prev, *next; /* upstream->holds */
};

/* What one worker has of a server. */
struct weir_server_slot {
    struct weir_server_counters counters; /* written by the worker alone */
    weir_counter closed[WEIR_CLOSE_REASON_COUNT];
    struct weir_histogram connect_us, response_us;
    struct weir_ports_hold hold;
    struct {
        pthread_mutex_t lock;     /* its owner's and, by trylock, a taker's: guards `idle` */
        struct weir_upconn *idle; /* newest first */
        atomic_uint n_idle;       /* written under the lock; read without it as a hint */
    } shared __attribute__((aligned(64)));
} __attribute__((aligned(64)));

struct weir_server {
    char *name; /* the address: as the configuration has it, or one of a name's */
    struct weir_address address;
    struct weir_server_tls tls; /* set before anybody else has the server */
    atomic_uint references;
    unsigned n_slots;
    enum weir_proxy_version announces; /* what its connections begin with; never changes */
    unsigned listed;                   /* the registry's */
    struct weir_server *prev, *next;   /* the same: pool->departed */
    struct {
        atomic_uint connections;     /* open or opening, over all workers; holds to `max` exactly */
        atomic_uint idle;            /* of these, idle */
        atomic_bool is_retired;      /* no generation lists it now: nothing is kept */
        atomic_uint admin_state;     /* enum weir_admin_state; written by control */
        atomic_bool is_held;         /* no local port is left: no new connections for a while */
        atomic_uint ports_given;     /* since then, and not taken yet */
        atomic_uint hold_ms;         /* how long the last such pause was; 0: none since a success */
        _Atomic uint64_t told_ms;    /* when what is not its fault was last logged */
        atomic_uint epoch;           /* connections of another one are closed as they come free */
        _Atomic uint64_t drained_us; /* since when it drains, on uv_hrtime's clock */
        _Atomic uint64_t max;        /* the limits in force, 0: none; written by control */
        _Atomic uint64_t idle_max;
        atomic_bool is_trimming; /* somebody sees to it that they hold */
        atomic_uint place;       /* in its pool's newest plan; a hint (weir_pool_plan_find) */
        struct weir_health health;
    } shared __attribute__((aligned(64)));
    struct weir_lesson lesson;   /* of its keep-alive */
    struct weir_lesson patience; /* of connections that have carried nothing: idle ages alone */
    struct weir_pace pace;       /* of opening some ahead of need */
    struct weir_server_slot slots[];
};

/* Owns: copies NAME; one reference for the caller. Fails: NULL, out of memory. */
struct weir_server *weir_server_create(const char *name, const struct weir_address *address,
                                       unsigned n_workers);
struct weir_server *weir_server_ref(struct weir_server *server);
void weir_server_unref(struct weir_server *server);

/* For people: up, ejected, down, draining. */
const char *weir_server_state_name(struct weir_server *server);

/* Is it reached by a Unix socket, without ports, TIME_WAIT, and all that TCP tells? */
static inline bool weir_server_is_unix(const struct weir_server *server)
{
    return server->address.any.sa_family == AF_UNIX;
}

/* Has it no new connections for a while, for want of local ports (ports.h)? */
static inline bool weir_server_is_held(struct weir_server *server)
{
    return atomic_load(&server->shared.is_held);
}

/* A local port towards it has come free. Waiters are to be looked for afterwards. Thread: any. */
static inline void weir_server_give_port(struct weir_server *server)
{
    if (weir_server_is_held(server))
        atomic_fetch_add(&server->shared.ports_given, 1);
}

/* Sets aside one of the server's connections if fewer than MAX are taken (0: no limit) and it is
 * not held, or a port has come free since; *has_port: this one has that port. Thread: any. */
bool weir_server_reserve(struct weir_server *server, uint64_t max, bool *has_port);
void weir_server_unreserve(struct weir_server *server);

/* From now on so many connections, and so many idle ones, 0: no limit. What is more than that goes
 * with the next sweep. Thread: control. */
void weir_server_limit(struct weir_server *server, uint64_t max, uint64_t idle_max);

/* Every connection that is open now closes as it comes free. */
static inline void weir_server_recall(struct weir_server *server)
{
    atomic_fetch_add(&server->shared.epoch, 1);
}

/* How TLS is spoken to it; NULL: it is not. */
static inline struct weir_server_tls *weir_server_tls(struct weir_server *server)
{
    return server->tls.dialer ? &server->tls : NULL;
}

/* Is it in no trouble that anybody knows of? */
static inline bool weir_server_is_well(struct weir_server *server)
{
    return atomic_load_explicit(&server->shared.health.troubles, memory_order_relaxed) == 0 ||
           weir_health_is_well(&server->shared.health, uv_hrtime() / 1000000);
}

/* Does an operator let it take new requests? */
static inline bool weir_server_is_up(struct weir_server *server)
{
    return atomic_load(&server->shared.admin_state) == WEIR_ADMIN_up;
}

/* Does it take a request that has been waiting since SINCE_US? */
bool weir_server_takes(struct weir_server *server, uint64_t since_us);

/* Connections that are not idle: what balancing goes by. */
static inline unsigned weir_server_load(struct weir_server *server)
{
    unsigned open = atomic_load_explicit(&server->shared.connections, memory_order_relaxed);
    unsigned idle = atomic_load_explicit(&server->shared.idle, memory_order_relaxed);
    return open > idle ? open - idle : 0;
}

#endif
