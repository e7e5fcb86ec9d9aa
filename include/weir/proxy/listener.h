/* A listener: the run-time of one name in `listeners`. It outlives generations, as its connections
 * and figures do. Counted: by each generation that lists it and each client. */
#ifndef WEIR_PROXY_LISTENER_H
#define WEIR_PROXY_LISTENER_H

#include "weir/net/address.h"
#include "weir/net/tls_tickets.h"
#include "weir/stats/counters.h"

#include <pthread.h>
#include <stdbool.h>

struct weir_listener_plan;
struct weir_peers;

/* What one worker has of a listener; nobody else writes to it. */
struct weir_listener_slot {
    struct weir_listener_counters counters;
    const struct weir_listener_plan *plan; /* in its current generation; NULL: it is not listed */
    uint64_t told_ms;                      /* when a client was last complained of */
} __attribute__((aligned(64)));

struct weir_listener {
    char *name;
    atomic_uint references;
    unsigned n_slots;
    struct weir_tls_tickets tickets; /* for sessions that any worker begins or resumes */
    struct {
        atomic_ullong connections; /* over all workers */
        pthread_mutex_t lock;      /* guards the table */
        struct weir_peers *peers;  /* connections by address; used only where a limit asks for it */
    } shared __attribute__((aligned(64)));
    struct weir_listener_slot slots[];
};

struct weir_listener *weir_listener_create(const char *name, unsigned n_workers);
struct weir_listener *weir_listener_ref(struct weir_listener *listener);
void weir_listener_unref(struct weir_listener *listener);

/* Admits one more connection from PEER unless that would be above a limit (0: none). Peers of a
 * Unix socket have no address, so there is none for each of them.
 * *is_counted tells whether it stands in the table of peers: hand it to weir_listener_leave.
 * Thread: any. */
bool weir_listener_admit(struct weir_listener *listener, const struct weir_address *peer,
                         uint64_t max, uint64_t max_per_ip, bool *is_counted);
/* Enters a connection from PEER that was admitted without a limit for its peer into that table,
 * unless more than MAX would stand there. Thread: any. */
bool weir_listener_admit_peer(struct weir_listener *listener, const struct weir_address *peer,
                              uint64_t max);
void weir_listener_leave(struct weir_listener *listener, const struct weir_address *peer,
                         bool is_counted);

#endif
