/* When the next connection to a server may be opened ahead of need: one at a time over all workers,
 * about ten a second, and after setbacks ever less often. Pure but for the pace itself; the clock
 * and chance are passed in. */
#ifndef WEIR_UPSTREAM_PACE_H
#define WEIR_UPSTREAM_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A server's. Thread: any. */
struct weir_pace {
    _Atomic uint64_t next_ms; /* none before that moment; moved on by whoever opens one */
    _Atomic uint64_t held_ms; /* until then a setback is waited out, and no other counts */
    atomic_uint opening;      /* connections that are being opened ahead now */
    atomic_uint failed;       /* attempts in a row that no connection came of */
    atomic_uint wasted;       /* connections in a row that the server ended soon, and unused */
};

/* What there is, as far as one worker sees it. */
struct weir_pace_facts {
    bool is_usable;           /* the server takes requests and is not known to keep nothing */
    bool has_waiters;         /* requests wait for a connection: they have the places first */
    uint64_t idle_min;        /* wanted, over all workers */
    uint64_t connections_max; /* 0: no limit */
    unsigned connections, idle, opening, failed;
    unsigned idle_here, n_workers; /* of the idle ones, this worker's; how many share in them */
};

/* Should this worker open one? At least one of the workers is told so while one is missing. */
bool weir_pace_wants(const struct weir_pace_facts *facts);

/* Takes the turn: true for one caller, when it is time. RANDOM: any number. */
bool weir_pace_claim(struct weir_pace *pace, uint64_t now_ms, uint32_t random);

/* For how long nobody has a turn after so many setbacks in a row: up to a quarter less, by chance,
 * than 100 ms, doubled each time up to 30 s. After none of them: 50 ms to 100 ms. */
uint64_t weir_pace_pause_ms(unsigned setbacks, uint32_t random);

/* No connection came of an attempt. True: the one before it went well. */
bool weir_pace_failed(struct weir_pace *pace, uint64_t now_ms, uint32_t random);

/* A connection was made, for whatever purpose. True: that was in doubt. */
bool weir_pace_connected(struct weir_pace *pace, uint64_t now_ms);

/* The server ended a connection, or it had to be ended, that had been open for UNUSED_MS without
 * carrying anything: a setback if that was soon. */
void weir_pace_unused(struct weir_pace *pace, uint64_t unused_ms, uint64_t now_ms, uint32_t random);

/* One that was opened ahead of need has carried a request. */
void weir_pace_used(struct weir_pace *pace);

#endif
