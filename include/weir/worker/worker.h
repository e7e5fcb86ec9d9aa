/* A worker: a thread that carries traffic, with its own loop and its own sockets for every
 * listener. Thread: control calls these; what they ask for happens on the worker's thread. */
#ifndef WEIR_WORKER_WORKER_H
#define WEIR_WORKER_WORKER_H

#include "weir/net/acceptor.h"
#include "weir/proxy/traffic.h"

/* A listening descriptor for one worker, bound by control. */
struct weir_door {
    struct weir_door *prev, *next;
    int fd;
    struct weir_address address;
    struct weir_listener *listener; /* referenced */
};

struct weir_worker;

/* What a worker tells; called on its thread. */
struct weir_worker_events {
    void (*on_drained)(struct weir_worker *worker, void *context);
};

/* Starts a thread that serves GENERATION through DOORS, which are emptied.
 * Fails: NULL; doors that are left stay the caller's. */
struct weir_worker *weir_worker_start(unsigned index, struct weir_generation *generation,
                                      struct weir_door **doors,
                                      const struct weir_worker_events *events, void *context);

/* From the next exchange on, GENERATION; addresses that it no longer lists are closed, DOORS join.
 * Owns: DOORS are the worker's. Fails: false, out of memory. */
bool weir_worker_switch(struct weir_worker *worker, struct weir_generation *generation,
                        struct weir_door *doors);

/* The number and the revision of the generation that its next exchange will use. */
unsigned weir_worker_generation(const struct weir_worker *worker);
unsigned weir_worker_revision(const struct weir_worker *worker);

/* A letter that goes to a worker, is acted on there, and comes back. */
struct weir_errand {
    struct weir_task task;
    struct weir_worker *worker;
    struct weir_loop *home;
    /* On the worker's thread; NULL: it sweeps. */
    void (*act)(struct weir_errand *errand, struct weir_upstream *upstream);
    struct weir_pool *flushed; /* its idle connections close; NULL: those that are recalled */
    void (*on_done)(struct weir_errand *errand); /* on home's thread */
};

/* Sends ERRAND, whose last four fields the caller has filled in. Its memory must last until
 * on_done. */
void weir_worker_sweep(struct weir_worker *worker, struct weir_errand *errand);

/* Stop accepting, finish what is in progress; on_drained follows once. Idempotent. */
void weir_worker_drain(struct weir_worker *worker);

/* Ends what is still in progress as it is; on_drained follows if it has not come yet. */
void weir_worker_abort(struct weir_worker *worker);

/* After every worker has drained: ends the thread. Blocks: until it has ended. */
void weir_worker_join(struct weir_worker *worker);

/* After every worker has been joined: frees it. */
void weir_worker_destroy(struct weir_worker *worker);

/* A door that is FD, which listens at ADDRESS. Owns: FD in any case. Fails: NULL, out of memory. */
struct weir_door *weir_door_make(int fd, const struct weir_address *address,
                                 struct weir_listener *listener);
/* A door on ADDRESS, or NULL with -errno in *error. */
struct weir_door *weir_door_open(const struct weir_address *address, struct weir_listener *listener,
                                 int *error);
/* Closes doors that no worker has taken. */
void weir_doors_close(struct weir_door **doors);

#endif
