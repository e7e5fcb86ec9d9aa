/* Deadlines: one FIFO a duration. Within a FIFO the earliest is always at the head, so that
 * setting, moving and cancelling one costs a few pointers and nothing is ever sorted; the number of
 * different durations is the number of timeouts in the configuration.
 *
 * Thread: a set and its nodes belong to one loop. */
#ifndef WEIR_BASE_DEADLINE_H
#define WEIR_BASE_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in what waits. All zero is "not set". */
struct weir_deadline {
    struct weir_deadline *prev, *next;
    struct weir_deadline_list *list; /* NULL while not set */
    uint64_t at_ms;
    void (*on_expire)(struct weir_deadline *deadline);
};

struct weir_deadline_list {
    uint64_t after_ms;
    struct weir_deadline *head;
    struct weir_deadline_list *next;
};

struct weir_deadlines {
    struct weir_deadline_list *lists;
    uint64_t look_ms; /* nothing is due before this; UINT64_MAX: nothing is set */
};

void weir_deadlines_init(struct weir_deadlines *deadlines);
/* Every deadline must have been cancelled. */
void weir_deadlines_fini(struct weir_deadlines *deadlines);

/* Sets or moves a deadline to AFTER_MS from NOW_MS; 0 means never, and cancels.
 * Fails: false when a new list could not be allocated; the deadline is then not set. */
bool weir_deadline_set(struct weir_deadlines *deadlines, struct weir_deadline *deadline,
                       uint64_t now_ms, uint64_t after_ms);

/* As above, for one whose owner looks, when it expires, whether its time has come: where it is set
 * for an earlier time already it stays, which touches no other. */
static inline bool weir_deadline_set_within(struct weir_deadlines *deadlines,
                                            struct weir_deadline *deadline, uint64_t now_ms,
                                            uint64_t after_ms)
{
    if (deadline->list && after_ms > 0 && deadline->at_ms <= now_ms + after_ms)
        return true;
    return weir_deadline_set(deadlines, deadline, now_ms, after_ms);
}

/* The largest power of two in LEFT_MS, at least 1: since each duration costs a list, what is left
 * of a time is looked at in steps. */
static inline uint64_t weir_deadline_step_ms(uint64_t left_ms)
{
    return left_ms > 0 ? 1ull << (63 - __builtin_clzll(left_ms)) : 1;
}

/* Idempotent. */
void weir_deadline_cancel(struct weir_deadline *deadline);

/* When the earliest one is due; UINT64_MAX when none is set. */
uint64_t weir_deadlines_next_ms(const struct weir_deadlines *deadlines);

/* When to run them next: as above, or sooner, where what was the earliest has been cancelled. */
static inline uint64_t weir_deadlines_look_ms(const struct weir_deadlines *deadlines)
{
    return deadlines->look_ms;
}

/* Calls on_expire of all that are due, each cancelled before its call. A callback may set and
 * cancel any deadline. */
void weir_deadlines_run(struct weir_deadlines *deadlines, uint64_t now_ms);

#endif
