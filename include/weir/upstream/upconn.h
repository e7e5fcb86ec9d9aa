/* An upstream connection, from its opening to its end.
 *
 *      CONNECTING ──▶ BUSY ◀──▶ IDLE        each ──▶ CLOSING
 *
 * Thread: one worker's at a time. An idle one can be taken by another worker, which makes an object
 * of its own for the same connection. */
#ifndef WEIR_UPSTREAM_UPCONN_H
#define WEIR_UPSTREAM_UPCONN_H

#include "weir/base/error.h"
#include "weir/net/stream.h"
#include "weir/upstream/poison.h"
#include "weir/upstream/pool.h"
#include "weir/upstream/server.h"

#define WEIR_UPCONN_STATES(X) X(CONNECTING) X(BUSY) X(IDLE) X(CLOSING)

enum weir_upconn_state {
#define WEIR_UPCONN_ROW(name) WEIR_UPCONN_##name,
    WEIR_UPCONN_STATES(WEIR_UPCONN_ROW)
#undef WEIR_UPCONN_ROW
        WEIR_UPCONN_STATE_COUNT
};

/* One worker's side of all upstream connections. Owned by the worker. */
struct weir_upstream {
    struct weir_loop *loop;
    unsigned worker; /* index of the slot in servers and pools */
    bool is_draining;
    uint64_t next_id;
    uint32_t random;
    const struct weir_pool_plan *plans; /* the worker's current ones: weir_ahead_start */
    size_t n_plans;
    struct weir_deadline ahead;    /* the next look at what is to be opened ahead of need */
    struct weir_deadline returns;  /* the next look whether ejections have ended: outlier.h */
    struct weir_upconn *all;       /* in whatever state, until their memory goes */
    struct weir_ports_hold *holds; /* pauses that this worker will end */
    struct weir_slab upconns, waiters, principals;
    struct weir_poisons poisons;
};

/* What a connection carries with it when it moves to another worker. */
struct weir_upconn_life {
    uint64_t id;
    uint64_t opened_ms;
    uint64_t idle_since_ms; /* when it was last given to an idle list; 0: never */
    uint64_t ends_ms;       /* by max_age with its jitter; 0: never */
    uint64_t requests;      /* that went out on it */
    uint64_t idle_ms;       /* before the request that it carries now */
    uint64_t bytes_out, bytes_in;
    uint64_t plain_out;           /* of bytes_out, those before TLS began */
    unsigned epoch, server_epoch; /* the pool's and the server's when it was opened */
};

/* What the connection's owner wants to hear. */
struct weir_upconn_events {
    void (*on_connected)(void *owner, enum weir_error error); /* on error it is closing already */
    void (*on_ready)(void *owner, unsigned ready);            /* while BUSY */
    bool is_ahead; /* CONNECTING ahead of need: nobody waits, and its owner tells of failures */
};

struct weir_principal;

struct weir_upconn {
    enum weir_upconn_state state;
    bool is_taken;    /* under the slot's lock: another worker has it, this object only retires */
    bool is_suspect;  /* to be looked at before it is used: weir_idle_is_clean */
    bool ended_first; /* the server's FIN was seen before our end */
    struct weir_upstream *upstream;
    struct weir_server *server;
    struct weir_pool *pool;
    struct weir_pool_settings settings; /* of the generation that used it last */
    struct weir_upconn_life life;
    struct weir_stream stream;
    const struct weir_upconn_events *events;
    void *owner; /* NULL while idle and once closing */
    uint64_t connect_started_us;
    struct weir_deadline deadline;   /* CONNECTING: connect; IDLE: idle_timeout or max_age, which
                                        stays set while BUSY */
    struct weir_task retire;         /* posted to this object's loop by a taker */
    struct weir_upconn *prev, *next; /* the server's idle list, under the slot's lock */
    struct weir_upconn *all_prev, *all_next; /* upstream->all */
    struct weir_principal *principal;        /* for whom it is announced; NULL: for nobody */
    struct weir_upconn *kin_prev, *kin_next; /* principal->upconns */
};

void weir_upstream_init(struct weir_upstream *upstream, struct weir_loop *loop, unsigned worker);
void weir_upstream_fini(struct weir_upstream *upstream);
/* Closes what is idle, or is being opened to be idle: all of it, or (ONLY_RECALLED) what
 * weir_upconn_recall names and what is more than the server's limits allow; what may stay goes to
 * waiters if there are any. */
void weir_upstream_sweep(struct weir_upstream *upstream, bool only_recalled);
/* Closes the pool's idle connections. */
void weir_upstream_flush(struct weir_upstream *upstream, const struct weir_pool *pool);

/* Opens a connection; one has been reserved at the server, and goes back if this fails or when the
 * connection ends. on_connected follows. Fails: NULL, *error says why; WEIR_NO_PORT says nothing
 * about the server. */
struct weir_upconn *weir_upconn_open(struct weir_upstream *upstream, struct weir_server *server,
                                     const struct weir_pool_plan *plan,
                                     const struct weir_upconn_events *events, void *owner,
                                     enum weir_error *error);

/* A connection on its way from one worker to another. */
struct weir_upconn_parcel {
    struct weir_parcel stream;
    struct weir_upconn_life life;
};

/* A connection that came from another worker, BUSY; empties *parcel in any case. Fails: NULL. */
struct weir_upconn *weir_upconn_adopt(struct weir_upstream *upstream, struct weir_server *server,
                                      struct weir_pool *pool,
                                      const struct weir_pool_settings *settings,
                                      struct weir_upconn_parcel *parcel);

/* The other half: this BUSY connection leaves the worker. Fails: -errno, and then it is gone. */
int weir_upconn_send_off(struct weir_upconn *upconn, struct weir_upconn_parcel *parcel);

/* Is it to be closed once it is free, and why: its server left the configuration, or an operator
 * paused or reconnects the pool or took the server out. WEIR_CLOSED_NOT: it may stay. */
enum weir_close_reason weir_upconn_recall(const struct weir_upconn *upconn);

/* Ends it, with a reset or FIN as the pool says. Idempotent, callable anywhere. */
void weir_upconn_close(struct weir_upconn *upconn, enum weir_close_reason reason);

/* The only writer of `state`. */
void weir_upconn_become(struct weir_upconn *upconn, enum weir_upconn_state state);

/* As weir_stream_read and weir_stream_write, counted. */
ssize_t weir_upconn_read(struct weir_upconn *upconn, char *data, size_t len);
ssize_t weir_upconn_write(struct weir_upconn *upconn, struct weir_gather *gather);
/* As weir_pipe_fill and weir_pipe_drain, counted. */
ssize_t weir_upconn_fill(struct weir_upconn *upconn, struct weir_pipe *pipe, uint64_t max);
ssize_t weir_upconn_drain(struct weir_upconn *upconn, struct weir_pipe *pipe);

/* How many bytes the kernel has taken so far for the server, as they travel: with the records of
 * TLS. What of them has arrived it can be asked for (tcp_info.h). */
uint64_t weir_upconn_wire_out(const struct weir_upconn *upconn);

/* TLS has ended this connection with an error: it is told in figures, and in the log. */
void weir_upconn_note_fault(struct weir_upconn *upconn, const char *what);

static inline struct weir_server_counters *weir_upconn_counters(struct weir_upconn *upconn)
{
    return &upconn->server->slots[upconn->upstream->worker].counters;
}

/* Was it kept, idle or by an earlier request, before it was given to the one that it carries now?
 * Then its server may have ended it before that one came. */
static inline bool weir_upconn_was_kept(const struct weir_upconn *upconn)
{
    return upconn->life.requests > 1 || upconn->life.idle_since_ms > 0;
}

/* The word of /stats and /connections. */
const char *weir_upconn_state_name(enum weir_upconn_state state);

const char *weir_upconn_describe(const struct weir_upconn *upconn);

#endif
