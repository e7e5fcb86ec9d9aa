#include "weir/worker/worker.h"

#include "weir/base/assert.h"
#include "weir/upstream/ahead.h"
#include "weir/upstream/outlier.h"
#include "weir/upstream/ports.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

/* One address that the worker accepts on. */
struct entrance {
    struct weir_acceptor acceptor;
    struct weir_worker *worker;
    struct weir_address address;
    struct weir_listener *listener; /* referenced */
    struct entrance *prev, *next;
};

struct weir_worker {
    unsigned index;
    bool is_drained;
    pthread_t thread;
    struct weir_loop loop;
    struct weir_traffic traffic;
    struct entrance *entrances;
    const struct weir_worker_events *events;
    void *context;
    struct weir_task drain, abort, stop;
    atomic_uint generation, revision; /* of the one in force here; control reads them */
};

/* A letter that brings a generation and doors. */
struct change {
    struct weir_task task;
    struct weir_worker *worker;
    struct weir_generation *generation; /* referenced */
    struct weir_door *doors;
};

#define OWNER(type, pointer, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct weir_door *weir_door_make(int fd, const struct weir_address *address,
                                 struct weir_listener *listener)
{
    struct weir_door *door = calloc(1, sizeof(*door));

    if (!door) {
        close(fd);
        return NULL;
    }
    door->fd = fd;
    door->address = *address;
    door->listener = weir_listener_ref(listener);
    return door;
}

struct weir_door *weir_door_open(const struct weir_address *address, struct weir_listener *listener,
                                 int *error)
{
    int fd = weir_acceptor_bind(address, true);
    struct weir_door *door = fd < 0 ? NULL : weir_door_make(fd, address, listener);

    *error = fd < 0 ? fd : door ? 0 : -ENOMEM;
    return door;
}

void weir_doors_close(struct weir_door **doors)
{
    struct weir_door *door, *following;

    DL_FOREACH_SAFE(*doors, door, following) {
        DL_DELETE(*doors, door);
        close(door->fd);
        weir_listener_unref(door->listener);
        free(door);
    }
}

static void on_accept(struct weir_acceptor *acceptor, int fd, const struct weir_address *peer)
{
    struct entrance *entrance = OWNER(struct entrance, acceptor, acceptor);
    weir_traffic_accept(&entrance->worker->traffic, entrance->listener, fd, peer);
}

/* Nothing is left to wait for when no client and no entrance is. */
static void look_for_quiet(struct weir_worker *worker)
{
    if (worker->is_drained || !worker->traffic.is_draining || worker->traffic.n_clients > 0 ||
        worker->entrances)
        return;
    worker->is_drained = true;
    worker->events->on_drained(worker, worker->context);
}

static void on_entrance_closed(struct weir_acceptor *acceptor)
{
    struct entrance *entrance = OWNER(struct entrance, acceptor, acceptor);
    struct weir_worker *worker = entrance->worker;

    DL_DELETE(worker->entrances, entrance);
    weir_listener_unref(entrance->listener);
    free(entrance);
    look_for_quiet(worker);
}

static void on_quiet(struct weir_traffic *traffic)
{
    look_for_quiet(OWNER(struct weir_worker, traffic, traffic));
}

static void open_entrance(struct weir_worker *worker, struct weir_door *door)
{
    struct entrance *entrance = calloc(1, sizeof(*entrance));

    if (!entrance) {
        weir_log(WEIR_LOG_ERROR, "worker %u: out of memory for a listener", worker->index);
        return;
    }
    entrance->worker = worker;
    entrance->address = door->address;
    entrance->acceptor.on_accept = on_accept;
    entrance->acceptor.on_closed = on_entrance_closed;
    int error = weir_acceptor_start(&entrance->acceptor, &worker->loop, door->fd);
    door->fd = -1;
    if (error) {
        weir_log(WEIR_LOG_ERROR, "worker %u: cannot listen: %s", worker->index, strerror(-error));
        free(entrance);
        return;
    }
    entrance->listener = weir_listener_ref(door->listener);
    DL_APPEND(worker->entrances, entrance);
}

static void open_doors(struct weir_worker *worker, struct weir_door **doors)
{
    struct weir_door *door;

    DL_FOREACH(*doors, door) {
        open_entrance(worker, door);
    }
    weir_doors_close(doors);
}

/* The listener that has this address in the generation, or NULL. */
static struct weir_listener *find_listener(const struct weir_generation *generation,
                                           const struct weir_address *address)
{
    for (size_t i = 0; i < generation->n_listeners; i++) {
        const struct weir_listener_plan *plan = &generation->listeners[i];
        for (size_t k = 0; k < plan->config->n_listen; k++) {
            if (weir_address_is_equal(&plan->addresses[k], address))
                return plan->listener;
        }
    }
    return NULL;
}

static void on_change(struct weir_task *task)
{
    struct change *change = OWNER(struct change, task, task);
    struct weir_worker *worker = change->worker;
    struct entrance *entrance, *following;

    weir_traffic_switch(&worker->traffic, change->generation);
    weir_upstream_sweep(&worker->traffic.upstream, true);
    DL_FOREACH_SAFE(worker->entrances, entrance, following) {
        struct weir_listener *listener = find_listener(change->generation, &entrance->address);
        if (!listener) {
            weir_acceptor_close(&entrance->acceptor, false);
        } else {
            weir_listener_ref(listener);
            weir_listener_unref(entrance->listener);
            entrance->listener = listener;
        }
    }
    if (worker->traffic.is_draining)
        weir_doors_close(&change->doors);
    else
        open_doors(worker, &change->doors);
    atomic_store(&worker->generation, change->generation->number);
    atomic_store(&worker->revision, change->generation->revision);
    weir_generation_unref(change->generation);
    free(change);
}

static void on_drain(struct weir_task *task)
{
    struct weir_worker *worker = OWNER(struct weir_worker, task, drain);
    struct entrance *entrance;

    if (worker->traffic.is_draining)
        return;
    DL_FOREACH(worker->entrances, entrance) {
        weir_acceptor_close(&entrance->acceptor, true);
    }
    weir_traffic_drain(&worker->traffic);
    look_for_quiet(worker);
}

static void on_abort(struct weir_task *task)
{
    weir_traffic_abort(&OWNER(struct weir_worker, task, abort)->traffic);
}

static void on_stop(struct weir_task *task)
{
    struct weir_worker *worker = OWNER(struct weir_worker, task, stop);

    weir_upstream_sweep(&worker->traffic.upstream, false);
    weir_ports_end_holds(&worker->traffic.upstream);
    weir_outlier_stop(&worker->traffic.upstream);
    weir_loop_stop(&worker->loop);
}

static void *run(void *argument)
{
    struct weir_worker *worker = argument;
    char name[16];

    snprintf(name, sizeof(name), "weir-worker-%u", worker->index % 1000);
    pthread_setname_np(pthread_self(), name);
    weir_loop_run(&worker->loop);
    return NULL;
}

/* Signals are control's. */
static int start_thread(struct weir_worker *worker)
{
    sigset_t all, former;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    error = pthread_create(&worker->thread, NULL, run, worker);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    return error;
}

struct weir_worker *weir_worker_start(unsigned index, struct weir_generation *generation,
                                      struct weir_door **doors,
                                      const struct weir_worker_events *events, void *context)
{
    struct weir_worker *worker = aligned_alloc(64, (sizeof(*worker) + 63) / 64 * 64);

    if (!worker)
        return NULL;
    memset(worker, 0, sizeof(*worker));
    if (weir_loop_init(&worker->loop) != 0) {
        free(worker);
        return NULL;
    }
    worker->index = index;
    worker->events = events;
    worker->context = context;
    worker->drain.run = on_drain;
    worker->abort.run = on_abort;
    worker->stop.run = on_stop;
    weir_traffic_init(&worker->traffic, &worker->loop, index, generation);
    worker->traffic.on_quiet = on_quiet;
    atomic_init(&worker->generation, generation->number);
    atomic_init(&worker->revision, generation->revision);
    open_doors(worker, doors);
    if (start_thread(worker) == 0)
        return worker;
    /* No traffic has come in: the entrances close, and nothing else is there to tell of. */
    worker->is_drained = true;
    struct entrance *entrance;
    DL_FOREACH(worker->entrances, entrance) {
        weir_acceptor_close(&entrance->acceptor, false);
    }
    weir_ahead_stop(&worker->traffic.upstream);
    weir_worker_destroy(worker);
    return NULL;
}

bool weir_worker_switch(struct weir_worker *worker, struct weir_generation *generation,
                        struct weir_door *doors)
{
    struct change *change = calloc(1, sizeof(*change));

    if (!change)
        return false;
    change->task.run = on_change;
    change->worker = worker;
    change->generation = weir_generation_ref(generation);
    change->doors = doors;
    weir_loop_post(&worker->loop, &change->task);
    return true;
}

unsigned weir_worker_generation(const struct weir_worker *worker)
{
    return atomic_load(&worker->generation);
}

unsigned weir_worker_revision(const struct weir_worker *worker)
{
    return atomic_load(&worker->revision);
}

static void on_errand_back(struct weir_task *task)
{
    struct weir_errand *errand = OWNER(struct weir_errand, task, task);
    errand->on_done(errand);
}

static void on_errand(struct weir_task *task)
{
    struct weir_errand *errand = OWNER(struct weir_errand, task, task);
    struct weir_upstream *upstream = &errand->worker->traffic.upstream;

    if (errand->act)
        errand->act(errand, upstream);
    else if (errand->flushed)
        weir_upstream_flush(upstream, errand->flushed);
    else
        weir_upstream_sweep(upstream, true);
    task->run = on_errand_back;
    weir_loop_post(errand->home, task);
}

void weir_worker_sweep(struct weir_worker *worker, struct weir_errand *errand)
{
    errand->worker = worker;
    errand->task.run = on_errand;
    weir_loop_post(&worker->loop, &errand->task);
}

void weir_worker_drain(struct weir_worker *worker)
{
    weir_loop_post(&worker->loop, &worker->drain);
}

void weir_worker_abort(struct weir_worker *worker)
{
    weir_loop_post(&worker->loop, &worker->abort);
}

void weir_worker_join(struct weir_worker *worker)
{
    weir_loop_post(&worker->loop, &worker->stop);
    pthread_join(worker->thread, NULL);
}

void weir_worker_destroy(struct weir_worker *worker)
{
    weir_loop_fini(&worker->loop);
    weir_traffic_fini(&worker->traffic);
    free(worker);
}
