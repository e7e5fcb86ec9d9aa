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
};

void weir_deadlines_init(struct weir_deadlines *deadlines);
/* Every deadline must have been cancelled. */
void weir_deadlines_fini(struct weir_deadlines *deadlines);

/* Sets or moves a deadline to AFTER_MS from NOW_MS; 0 means never, and cancels.
 * Fails: false when a new list could not be allocated; the deadline is then not set. */
bool weir_deadline_set(struct weir_deadlines *deadlines, struct weir_deadline *deadline,
                       uint64_t now_ms, uint64_t after_ms);

/* Idempotent. */
void weir_deadline_cancel(struct weir_deadline *deadline);

/* When the earliest one is due; UINT64_MAX when none is set. */
uint64_t weir_deadlines_next_ms(const struct weir_deadlines *deadlines);

/* Calls on_expire of all that are due, each cancelled before its call. A callback may set and
 * cancel any deadline. */
void weir_deadlines_run(struct weir_deadlines *deadlines, uint64_t now_ms);

#endif
