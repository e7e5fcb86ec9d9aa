/* What a spool is made of, for its two files alone. */
#ifndef WEIR_BASE_SPOOL_PARTS_H
#define WEIR_BASE_SPOOL_PARTS_H

#include "weir/base/spool.h"

#include <pthread.h>
#include <stdatomic.h>

/* A ring; head and tail only grow. What lies between them is whole lines. */
struct weir_lane {
    char *ring, *desk;
    _Atomic size_t head __attribute__((aligned(64))); /* written by the lane's thread */
    atomic_ullong dropped;                            /* the same */
    _Atomic size_t tail __attribute__((aligned(64))); /* written by the writer */
};

/* Whether a lane that has new lines must wake the writer: not, once half of the ring is full, at
 * once. */
enum weir_spool_sleep { WEIR_SPOOL_AWAKE, WEIR_SPOOL_NAPPING, WEIR_SPOOL_ASLEEP };

/* The writer thread's alone. */
struct weir_spool_writer {
    int fd;
    bool needs_end;  /* the file ends inside a line of somebody's: it is ended first */
    bool is_ending;  /* the last reference is gone */
    unsigned at;     /* the lane in hand */
    size_t partial;  /* so much of the first line behind its tail is in the file */
    int error;       /* errno of the last attempt; 0: it went well */
    uint64_t end_ms; /* when it gives up, once ending */
    uint64_t complain_ms, regret_ms; /* no sooner is there a log line of errors, of drops, again */
    uint64_t told;                   /* dropped lines that the log knows of */
};

struct weir_spool {
    const char *name;
    char *path;
    struct weir_spool *prev, *next; /* weir_spools.all */
    atomic_uint references;
    int wake_fd; /* eventfd */
    atomic_int sleep;
    atomic_bool must_reopen;
    atomic_ullong written, failed, lost; /* written by the writer */
    struct weir_spool_writer writer;
    pthread_t thread;
    pthread_mutex_t lock; /* guards has_ended */
    pthread_cond_t ended;
    bool has_ended;
    unsigned n_lanes;
    struct weir_lane lanes[];
};

/* The last reference's letter to the writer, beside 1 for "wake up". It is the last that is done
 * with the spool on that thread: once the writer has read it, its memory may go. */
#define WEIR_SPOOL_LAST ((uint64_t)1 << 32)

/* Fails: -errno. */
int weir_spool_open_file(struct weir_spool *spool);
/* The writer's thread; its argument is the spool. */
void *weir_spool_run(void *argument);
uint64_t weir_spool_now_ms(void);
uint64_t weir_spool_sum_dropped(struct weir_spool *spool);

#endif
