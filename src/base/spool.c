/* The lanes' side, and the list of all spools; the writer is in spool_writer.c. */
#include "weir/base/spool.h"

#include "weir/base/assert.h"
#include "weir/base/log.h"

#include "spool_parts.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

/* ---- Lines ---- */

static void wake(struct weir_spool *spool, uint64_t letter)
{
    ssize_t n = write(spool->wake_fd, &letter, sizeof(letter));
    (void)n; /* it can only fail when it is full of letters */
}

char *weir_spool_desk(struct weir_spool *spool, unsigned lane)
{
    return spool->lanes[lane].desk;
}

static void copy_in(struct weir_lane *lane, size_t head, const char *line, size_t len)
{
    size_t at = head & (WEIR_SPOOL_RING_BYTES - 1);
    size_t first = WEIR_SPOOL_RING_BYTES - at < len ? WEIR_SPOOL_RING_BYTES - at : len;

    memcpy(lane->ring + at, line, first);
    memcpy(lane->ring, line + first, len - first);
}

void weir_spool_put(struct weir_spool *spool, unsigned lane, const char *line, size_t len)
{
    struct weir_lane *own = &spool->lanes[lane];
    size_t head = atomic_load_explicit(&own->head, memory_order_relaxed);
    size_t used = head - atomic_load_explicit(&own->tail, memory_order_acquire) + len;
    int sleep;

    WEIR_ASSERT(len > 0 && len <= WEIR_SPOOL_LINE_MAX);
    if (used > WEIR_SPOOL_RING_BYTES) {
        uint64_t dropped = atomic_load_explicit(&own->dropped, memory_order_relaxed);
        atomic_store_explicit(&own->dropped, dropped + 1, memory_order_relaxed);
        return;
    }
    copy_in(own, head, line, len);
    /* In one order with the writer's look at the head after it says that it sleeps. */
    atomic_store(&own->head, head + len);
    sleep = atomic_load(&spool->sleep);
    if (sleep == WEIR_SPOOL_ASLEEP ||
        (sleep == WEIR_SPOOL_NAPPING && used >= WEIR_SPOOL_RING_BYTES / 2)) {
        if (atomic_exchange(&spool->sleep, WEIR_SPOOL_AWAKE) != WEIR_SPOOL_AWAKE)
            wake(spool, 1);
    }
}

/* ---- Life ---- */

static void destroy(struct weir_spool *spool)
{
    if (spool->writer.fd >= 0)
        close(spool->writer.fd);
    if (spool->wake_fd >= 0)
        close(spool->wake_fd);
    for (unsigned i = 0; i < spool->n_lanes; i++) {
        free(spool->lanes[i].ring);
        free(spool->lanes[i].desk);
    }
    pthread_cond_destroy(&spool->ended);
    pthread_mutex_destroy(&spool->lock);
    free(spool->path);
    free(spool);
}

static void init_lock(struct weir_spool *spool)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&spool->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&spool->lock, NULL);
}

static struct weir_spool *create(const char *name, const char *path, unsigned n_lanes)
{
    size_t size = sizeof(struct weir_spool) + n_lanes * sizeof(struct weir_lane);
    struct weir_spool *spool = aligned_alloc(64, (size + 63) / 64 * 64);
    bool is_whole;

    if (!spool)
        return NULL;
    memset(spool, 0, size);
    init_lock(spool);
    spool->name = name;
    spool->path = strdup(path);
    spool->writer.fd = -1;
    spool->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_init(&spool->references, 1);
    is_whole = spool->path && spool->wake_fd >= 0;
    for (spool->n_lanes = 0; is_whole && spool->n_lanes < n_lanes; spool->n_lanes++) {
        struct weir_lane *lane = &spool->lanes[spool->n_lanes];
        lane->ring = malloc(WEIR_SPOOL_RING_BYTES);
        lane->desk = malloc(WEIR_SPOOL_LINE_MAX);
        is_whole = lane->ring && lane->desk;
    }
    if (is_whole)
        return spool;
    destroy(spool);
    return NULL;
}

/* Signals are control's. */
static int start_thread(struct weir_spool *spool)
{
    sigset_t all, former;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    error = pthread_create(&spool->thread, NULL, weir_spool_run, spool);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    return -error;
}

static bool has_ended(struct weir_spool *spool, const struct timespec *until)
{
    bool ended;

    pthread_mutex_lock(&spool->lock);
    while (until && !spool->has_ended) {
        if (pthread_cond_timedwait(&spool->ended, &spool->lock, until) == ETIMEDOUT)
            break;
    }
    ended = spool->has_ended;
    pthread_mutex_unlock(&spool->lock);
    return ended;
}

static void bury(struct weir_spools *spools, struct weir_spool *spool)
{
    pthread_join(spool->thread, NULL);
    DL_DELETE(spools->all, spool);
    spools->past.written += atomic_load(&spool->written);
    spools->past.failed += atomic_load(&spool->failed);
    spools->past.dropped += weir_spool_sum_dropped(spool);
    destroy(spool);
}

static void bury_ended(struct weir_spools *spools)
{
    struct weir_spool *spool, *following;

    DL_FOREACH_SAFE(spools->all, spool, following) {
        if (has_ended(spool, NULL))
            bury(spools, spool);
    }
}

struct weir_spool *weir_spools_open(struct weir_spools *spools, const char *name, const char *path,
                                    unsigned n_lanes, int *error)
{
    struct weir_spool *spool;

    bury_ended(spools);
    *error = -ENOMEM;
    spool = create(name, path, n_lanes);
    if (!spool)
        return NULL;
    *error = weir_spool_open_file(spool);
    if (!*error)
        *error = start_thread(spool);
    if (*error) {
        destroy(spool);
        return NULL;
    }
    DL_APPEND(spools->all, spool);
    return spool;
}

void weir_spools_reopen(struct weir_spools *spools)
{
    struct weir_spool *spool;

    DL_FOREACH(spools->all, spool) {
        atomic_store(&spool->must_reopen, true);
        wake(spool, 1);
    }
}

struct weir_spool_figures weir_spools_figures(struct weir_spools *spools)
{
    struct weir_spool_figures figures;
    struct weir_spool *spool;

    bury_ended(spools);
    figures = (struct weir_spool_figures){.written = spools->past.written,
                                          .dropped = spools->past.dropped,
                                          .failed = spools->past.failed};
    DL_FOREACH(spools->all, spool) {
        figures.written += atomic_load(&spool->written);
        figures.failed += atomic_load(&spool->failed);
        figures.dropped += weir_spool_sum_dropped(spool);
    }
    return figures;
}

void weir_spools_fini(struct weir_spools *spools, uint64_t wait_ms)
{
    struct weir_spool *spool, *following;
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    DL_FOREACH_SAFE(spools->all, spool, following) {
        if (has_ended(spool, &until)) {
            bury(spools, spool);
            continue;
        }
        /* Its writer hangs in a write, and takes its memory with it when the process ends. */
        weir_log(WEIR_LOG_WARN, "%s: %s does not take its last lines", spool->name, spool->path);
        DL_DELETE(spools->all, spool);
        pthread_detach(spool->thread);
    }
}

const char *weir_spool_path(const struct weir_spool *spool)
{
    return spool->path;
}

struct weir_spool *weir_spool_ref(struct weir_spool *spool)
{
    atomic_fetch_add(&spool->references, 1);
    return spool;
}

void weir_spool_unref(struct weir_spool *spool)
{
    if (spool && atomic_fetch_sub(&spool->references, 1) == 1)
        wake(spool, WEIR_SPOOL_LAST);
}
