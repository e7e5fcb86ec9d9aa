/* A pool: the servers of one name, and the requests that wait for a connection to them.
 *
 * The pool itself (its queue and figures) outlives generations; what a generation says of it is the
 * plan, immutable, owned by the generation. */
#ifndef WEIR_UPSTREAM_POOL_H
#define WEIR_UPSTREAM_POOL_H

#include "weir/base/error.h"
#include "weir/config/config.h"
#include "weir/upstream/server.h"
#include "weir/upstream/tier.h"

struct weir_principal;
struct weir_server_sums;
struct weir_upconn;
struct weir_upstream;
struct weir_waiter;

struct weir_pool_slot {
    struct weir_pool_counters counters;
    struct weir_histogram queue_us;
    size_t turn;           /* whose it is in the round (tier.h), or to win a tie, next */
    size_t source_turn;    /* which of the sources is next */
    uint64_t retry_tokens; /* hundredths of a retry, see weir_pool_earn_retry */
} __attribute__((aligned(64)));

/* Counted: by the registry, each plan, and each of its connections' objects. */
struct weir_pool {
    char *name;
    atomic_uint references;
    unsigned n_slots;
    unsigned listed;               /* the registry's */
    unsigned n_departed;           /* control's: */
    struct weir_server *departed;  /* servers that have left, the oldest first; they may return */
    struct weir_server_sums *past; /* of those that were forgotten since; NULL: none */
    struct {
        atomic_uint n_waiting;       /* written under the lock */
        atomic_bool is_paused;       /* written by control: nobody is given a connection */
        atomic_uint epoch;           /* the same: connections of another one are replaced */
        atomic_uint place;           /* the same: among the newest configuration's; a hint */
        pthread_mutex_t lock;        /* guards the list and the waiters' states */
        struct weir_waiter *waiters; /* in the order of arrival */
    } shared __attribute__((aligned(64)));
    struct weir_pool_slot slots[];
};

struct weir_pool *weir_pool_create(const char *name, unsigned n_workers);
struct weir_pool *weir_pool_ref(struct weir_pool *pool);
void weir_pool_unref(struct weir_pool *pool);

/* What a connection must know of the configuration; copied, because it may outlive it. */
struct weir_pool_settings {
    uint64_t connections_max, idle_timeout_ms, requests_max, age_ms_max, connect_ms;
    enum weir_close_mode close;
};

struct weir_pool_plan {
    const struct weir_config_pool *config;
    struct weir_pool *pool;
    struct weir_pool_settings settings;
    size_t n_servers;
    struct weir_server **servers; /* every address that stands behind config->servers, once */
    struct weir_member *members;  /* what the plan says of each of them */
    struct weir_tier tiers[WEIR_TIER_COUNT];
};

/* At which index the plan has SERVER; n_servers: it has not. */
size_t weir_pool_plan_find(const struct weir_pool_plan *plan, struct weir_server *server);

enum { WEIR_TICKET_AVOIDS = 10 }; /* as many as retry.attempts may be */

/* Which of the plan's servers a request may go to: no backup unless `backups`, else only backups;
 * none that is in trouble unless `troubled`. */
struct weir_aim {
    bool backups, troubled;
    unsigned n_avoid;
    struct weir_server *avoid[WEIR_TICKET_AVOIDS];
};

/* A wish for a connection, embedded in an exchange. The caller fills in what stands above the line.
 */
struct weir_ticket {
    struct weir_upstream *upstream;
    const struct weir_pool_plan *plan;
    unsigned n_avoid;   /* of `avoid` at the end */
    bool needs_fresh;   /* a connection that has carried nothing yet */
    bool is_repeatable; /* if not, none that is near the end that was learned of its server */
    uint64_t key;       /* a hash of what the choice goes by, for the methods that hash */
    struct weir_principal *principal; /* for whom, where servers are told; else it may be NULL */
    /* Exactly once for each acquire that returned pending, unless cancelled. */
    void (*on_done)(struct weir_ticket *ticket, struct weir_upconn *upconn, enum weir_error error);
    /* ---- */
    struct weir_server *server;     /* which one it got, or failed at */
    struct weir_upconn *connecting; /* pending on this, */
    struct weir_waiter *waiter;     /* or in the queue */
    uint64_t started_us;
    struct weir_aim aim;
    struct weir_server *avoid[WEIR_TICKET_AVOIDS]; /* where it has failed already */
};

/* Gets a connection for the ticket: an idle one of this worker, an idle one of another, a new one,
 * or, always while the pool is paused, a place in the queue. Returns WEIR_OK with *upconn (BUSY,
 * its owner to be set by the caller), WEIR_OK and NULL when it is pending, or why there will be
 * none. Never calls on_done itself. */
enum weir_error weir_pool_acquire(struct weir_ticket *ticket, struct weir_upconn **upconn);

/* For the queue: opens a connection to ticket->server, where one is reserved. HAS_PORT: as
 * weir_server_reserve said. Returns WEIR_OK when it is under way; WEIR_NO_PORT: then waiting is
 * right. */
enum weir_error weir_ticket_open(struct weir_ticket *ticket, bool has_port);

/* For the queue: enters it, and looks whether anything is free that nobody was told of. */
enum weir_error weir_pool_wait(struct weir_ticket *ticket, bool has_waited);

/* A newer plan of the ticket's pool is in force: the ticket, which waits or is not yet, or no more,
 * under way, goes on by that. False: it is about to be given something, and stays as it is. *ERROR:
 * no server of the newer plan takes it, and it waits no more. weir_pool_look is to follow. */
bool weir_ticket_follow(struct weir_ticket *ticket, const struct weir_pool_plan *plan,
                        enum weir_error *error);

/* Gives the wish up. Idempotent; on_done does not come any more. */
void weir_ticket_cancel(struct weir_ticket *ticket);

/* Gives *given, complete and clean, back: to the longest waiter on whichever worker, else to the
 * idle list; one that was recalled is closed, and so is one that is announced for a client where
 * others wait. Empties the pointer. */
void weir_pool_release(struct weir_upconn **given);

/* All that the plan's servers have to give goes to those who wait. Thread: the worker's. */
void weir_pool_look(struct weir_upstream *upstream, const struct weir_pool_plan *plan);

/* Places that the plan's servers have go to those who wait. Thread: any. */
void weir_pool_serve_waiters(const struct weir_pool_plan *plan);

/* A connection of SERVER has ended: its place goes to the longest waiter, or is free. */
void weir_pool_slot_free(struct weir_upstream *upstream, struct weir_pool *pool,
                         struct weir_server *server, const struct weir_pool_settings *settings);

/* Each request earns `budget` percent of a retry; a retry spends a whole one. A few are there from
 * the start, so that a small pool can retry at all. Called once a request, and to ask. */
void weir_pool_earn_retry(struct weir_pool *pool, unsigned worker, uint64_t budget_percent);
bool weir_pool_spend_retry(struct weir_pool *pool, unsigned worker, uint64_t budget_percent);

#endif
