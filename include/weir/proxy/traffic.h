/* One worker's traffic: its clients and their exchanges, and what they share.
 * Thread: the worker's. */
#ifndef WEIR_PROXY_TRAFFIC_H
#define WEIR_PROXY_TRAFFIC_H

#include "weir/proxy/access.h"
#include "weir/proxy/editor.h"
#include "weir/proxy/generation.h"
#include "weir/upstream/upconn.h"

struct weir_client;

struct weir_traffic {
    struct weir_loop *loop;
    unsigned worker;
    bool is_draining;
    struct weir_generation *generation; /* the current one */
    struct weir_upstream upstream;
    struct weir_slab clients, exchanges;
    struct weir_access_clock access_clock;
    struct weir_request_ids request_ids;
    uint64_t look_turn;         /* the turn of the loop that LOOKS were taken in */
    unsigned looks;             /* whether a client has sent more than its request */
    struct weir_client *all;    /* clients in whatever state, until their memory goes */
    unsigned handshakes;        /* steps of TLS handshakes taken in this turn of the loop */
    struct weir_client *line;   /* those that wait for theirs */
    struct weir_turn line_turn; /* takes the next of them */
    unsigned n_clients;         /* of these; `on_quiet` when the last is gone while draining */
    void (*on_quiet)(struct weir_traffic *traffic);
};

void weir_traffic_init(struct weir_traffic *traffic, struct weir_loop *loop, unsigned worker,
                       struct weir_generation *generation);
/* Every client must be gone. */
void weir_traffic_fini(struct weir_traffic *traffic);

/* Exchanges that begin from now on use GENERATION, and those that wait for a connection its pools;
 * idle clients of listeners that left it close. */
void weir_traffic_switch(struct weir_traffic *traffic, struct weir_generation *generation);

/* No new requests: idle clients close now, the others after their greeting or exchange. on_quiet
 * follows, at the earliest in this turn of the loop's end. */
void weir_traffic_drain(struct weir_traffic *traffic);

/* Ends every client and exchange as they are. */
void weir_traffic_abort(struct weir_traffic *traffic);

/* A new client connection on the listener of this name. Owns: FD. */
void weir_traffic_accept(struct weir_traffic *traffic, struct weir_listener *listener, int fd,
                         const struct weir_address *peer);

#endif
